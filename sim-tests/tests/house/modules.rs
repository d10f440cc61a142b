//! The module tree of a crate, read from its tokens: what each module declares, defines and names.

use std::collections::{BTreeMap, BTreeSet};

use super::lexer::{Token, lex};

/// The files of a crate's `src`, by their path in it.
pub(crate) type Files = BTreeMap<String, String>;

/// The keywords before the name of an item.
const ITEMS: [&str; 8] = ["struct", "enum", "union", "trait", "type", "fn", "static", "const"];
/// How many imports a name is followed through.
const MOST_HOPS: usize = 16;

/// A module: a file, or an inline part of one.
#[derive(Debug, Default)]
pub(crate) struct Module {
    pub(crate) file: usize,
    parent: Option<usize>,
    children: BTreeMap<String, usize>,
    defined: BTreeSet<String>,
    pub(crate) uses: Vec<Use>,
    /// The paths in its code, which may start with a name that a `use` brings in.
    pub(crate) paths: Vec<Vec<String>>,
    /// The types for which it has an `impl` block.
    extended: BTreeSet<String>,
}

/// One name that a `use` brings in.
#[derive(Debug)]
pub(crate) struct Use {
    pub(crate) path: Vec<String>,
    /// `None` if it brings in all names of the path.
    name: Option<String>,
    pub(crate) is_reexport: bool,
}

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Module(usize),
    /// An item, and the module that defines it.
    Item {
        module: usize,
        name: String,
    },
}

/// The modules of a crate.
#[derive(Debug, Default)]
pub(crate) struct Modules {
    files: Vec<String>,
    /// How many lines of each file are no unit tests.
    lines: Vec<usize>,
    modules: Vec<Module>,
    /// The files of modules that are compiled for tests only, and are not read.
    test_files: BTreeSet<String>,
    undeclared: Vec<String>,
}

impl Modules {
    /// Reads a crate from its roots: `lib.rs`, `main.rs` and the files in `bin`.
    pub(crate) fn parse(files: &Files) -> Self {
        let mut modules = Self::default();
        let is_root = |file: &&String| {
            matches!(file.as_str(), "lib.rs" | "main.rs") || file.starts_with("bin/")
        };
        for root in files.keys().filter(is_root) {
            modules.read(files, root, None);
        }
        let is_declared =
            |file: &&String| modules.files.contains(file) || modules.test_files.contains(*file);
        modules.undeclared = files.keys().filter(|file| !is_declared(file)).cloned().collect();
        modules
    }

    /// The files that no module declares.
    pub(crate) fn undeclared(&self) -> &[String] {
        &self.undeclared
    }

    /// The number of lines of each file, without its unit tests.
    pub(crate) fn lines(&self) -> Vec<(String, usize)> {
        self.files.iter().cloned().zip(self.lines.iter().copied()).collect()
    }

    pub(crate) fn file(&self, id: usize) -> &str {
        &self.files[id]
    }

    pub(crate) fn get(&self, id: usize) -> &Module {
        &self.modules[id]
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = (usize, &Module)> {
        self.modules.iter().enumerate()
    }

    /// Whether one module is above another one.
    pub(crate) fn is_ancestor(&self, above: usize, below: usize) -> bool {
        let parent = |id: &usize| self.modules[*id].parent;
        std::iter::successors(parent(&below), parent).any(|id| id == above)
    }

    /// Whether a module's file has an `impl` block for a type that an ancestor defines.
    pub(crate) fn extends(&self, module: usize, owner: usize, name: &str) -> bool {
        let file = self.modules[module].file;
        let mut parts = self.modules.iter().filter(|part| part.file == file);
        self.is_ancestor(owner, module) && parts.any(|part| part.extended.contains(name))
    }

    /// Reads a file and the files of its child modules.
    fn read(&mut self, files: &Files, file: &str, parent: Option<usize>) -> usize {
        let text = &files[file];
        self.files.push(file.to_owned());
        self.lines.push(text.lines().count());
        let id = self.add(self.files.len() - 1, parent);
        let (folder, name) = file.rsplit_once('/').unwrap_or(("", file));
        let stem = name.trim_end_matches(".rs");
        let owns_folder = parent.is_none() || stem == "mod";
        let folder = if owns_folder { folder.to_owned() } else { join(folder, stem) };
        let tokens = lex(text).tokens;
        Parser { modules: self, files, tokens: &tokens, at: 0 }.module(id, &folder);
        id
    }

    fn add(&mut self, file: usize, parent: Option<usize>) -> usize {
        self.modules.push(Module { file, parent, ..Module::default() });
        self.modules.len() - 1
    }

    /// What a path in a module leads to; `None` if it leaves the crate or names no item.
    pub(crate) fn resolve(&self, module: usize, path: &[String]) -> Option<Target> {
        self.follow(module, path, MOST_HOPS)
    }

    fn follow(&self, module: usize, path: &[String], hops: usize) -> Option<Target> {
        let hops = hops.checked_sub(1)?;
        let (first, mut rest) = path.split_first()?;
        let mut target = match first.as_str() {
            "crate" => {
                let parent = |id: &usize| self.modules[*id].parent;
                Target::Module(std::iter::successors(Some(module), parent).last()?)
            }
            "self" => Target::Module(module),
            "super" => Target::Module(self.modules[module].parent?),
            name => self.find(module, name, hops)?,
        };
        while let (Target::Module(id), Some((name, after))) = (&target, rest.split_first()) {
            target = match name.as_str() {
                "super" => Target::Module(self.modules[*id].parent?),
                // A macro may define what is not found.
                name => self
                    .find(*id, name, hops)
                    .unwrap_or(Target::Item { module: *id, name: name.to_owned() }),
            };
            rest = after;
        }
        Some(target)
    }

    /// What a name means in a module.
    fn find(&self, id: usize, name: &str, hops: usize) -> Option<Target> {
        let module = &self.modules[id];
        if let Some(child) = module.children.get(name) {
            return Some(Target::Module(*child));
        }
        if module.defined.contains(name) {
            return Some(Target::Item { module: id, name: name.to_owned() });
        }
        if let Some(used) = module.uses.iter().find(|used| used.name.as_deref() == Some(name)) {
            // `use name::Item as name` must not lead to itself.
            let is_itself = used.path.first().is_some_and(|first| first == name);
            return if is_itself { None } else { self.follow(id, &used.path, hops) };
        }
        let globs = module.uses.iter().filter(|used| used.name.is_none());
        let mut found = globs.filter_map(|used| match self.follow(id, &used.path, hops)? {
            Target::Module(other) if other != id => self.find(other, name, hops.checked_sub(1)?),
            Target::Module(_) | Target::Item { .. } => None,
        });
        found.next()
    }
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// Reads the tokens of one file.
struct Parser<'a> {
    modules: &'a mut Modules,
    files: &'a Files,
    tokens: &'a [Token],
    at: usize,
}

impl Parser<'_> {
    fn text(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| token.text.as_str())
    }

    fn before(&self) -> &str {
        self.at.checked_sub(1).map_or("", |at| self.text(at))
    }

    /// Whether an item may start here, in the sense that the one before has ended.
    fn starts_item(&self) -> bool {
        matches!(self.before(), "" | ";" | "{" | "}" | "]" | "unsafe")
    }

    /// Reads a module up to the brace that closes it, or to the end of the file.
    fn module(&mut self, id: usize, folder: &str) {
        let mut depth = 0_usize;
        while self.at < self.tokens.len() {
            match self.text(self.at) {
                "{" => depth += 1,
                "}" if depth == 0 => return,
                "}" => depth -= 1,
                "#" => {
                    self.attribute(id, folder);
                    continue;
                }
                "use" if self.text(self.at + 1) != "<" => {
                    self.use_item(id);
                    continue;
                }
                "mod" => {
                    self.child(id, folder);
                    continue;
                }
                "impl" if depth == 0 && self.starts_item() => self.implementation(id),
                "macro_rules" if depth == 0 => self.define(id, self.at + 2),
                keyword if depth == 0 && ITEMS.contains(&keyword) => self.define(id, self.at + 1),
                _ => {}
            }
            self.path(id);
        }
    }

    fn define(&mut self, id: usize, at: usize) {
        let name = self.text(at).to_owned();
        self.modules.modules[id].defined.insert(name);
    }

    /// Skips an attribute, and the item behind it if that is compiled for tests only.
    fn attribute(&mut self, id: usize, folder: &str) {
        let line = self.tokens[self.at].line;
        let first = self.at;
        self.at += if self.text(self.at + 1) == "!" { 2 } else { 1 };
        self.skip_group();
        let inside = &self.tokens[first..self.at];
        let has = |word: &str| inside.iter().any(|token| token.text == word);
        if !has("cfg") || !has("test") || has("not") {
            return;
        }
        while self.text(self.at) == "#" {
            self.at += 1;
            self.skip_group();
        }
        let item = self.at;
        self.skip_item();
        self.note_test_file(&self.tokens[item..self.at], folder);
        let last = self.tokens[self.at.max(1) - 1].line;
        let file = self.modules.modules[id].file;
        self.modules.lines[file] -= last + 1 - line;
    }

    /// Notes the file of an item that is `mod name;`.
    fn note_test_file(&mut self, item: &[Token], folder: &str) {
        let words: Vec<&str> = item.iter().map(|token| token.text.as_str()).collect();
        if let [.., "mod", name, ";"] = words[..] {
            let inside = join(folder, name);
            self.modules.test_files.extend(Self::files_of(&inside));
        }
    }

    /// The files that may hold a module.
    fn files_of(inside: &str) -> [String; 2] {
        [format!("{inside}.rs"), format!("{inside}/mod.rs")]
    }

    /// Skips a group of brackets, of whatever kind, that opens here.
    fn skip_group(&mut self) {
        let mut depth = 0_usize;
        while self.at < self.tokens.len() {
            match self.text(self.at) {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return;
            }
        }
    }

    /// Skips an item or a field: up to its semicolon or comma, or over its braces.
    fn skip_item(&mut self) {
        let (mut is_item, mut is_use) = (false, false);
        while self.at < self.tokens.len() {
            match self.text(self.at) {
                ";" => {
                    self.at += 1;
                    return;
                }
                "," if !is_item => return,
                "}" => return,
                "{" if !is_use => return self.skip_group(),
                "(" | "[" | "{" => self.skip_group(),
                word => {
                    is_use |= word == "use";
                    is_item |= is_use || word == "impl" || ITEMS.contains(&word);
                    self.at += 1;
                }
            }
        }
    }

    /// Reads `mod name;` or `mod name { … }`.
    fn child(&mut self, id: usize, folder: &str) {
        let name = self.text(self.at + 1).to_owned();
        let is_inline = self.text(self.at + 2) == "{";
        self.at += 3;
        let inside = join(folder, &name);
        let child = if is_inline {
            let child = self.modules.add(self.modules.modules[id].file, Some(id));
            self.module(child, &inside);
            self.at += 1;
            child
        } else {
            let names = Self::files_of(&inside);
            let Some(file) = names.iter().find(|file| self.files.contains_key(*file)) else {
                panic!("there is no file of the module {inside}");
            };
            self.modules.read(self.files, file, Some(id))
        };
        self.modules.modules[id].children.insert(name, child);
    }

    /// Notes the type of an `impl` block, and leaves the header to be read as code.
    fn implementation(&mut self, id: usize) {
        let mut depth = 0_usize;
        let mut name = None;
        for at in self.at + 1..self.tokens.len() {
            match self.text(at) {
                "<" => depth += 1,
                // The arrow of a function type closes nothing.
                ">" if self.text(at - 1) != "-" => depth = depth.saturating_sub(1),
                "{" | ";" | "where" if depth == 0 => break,
                "for" if depth == 0 => name = None,
                // The last word of the path counts.
                word if depth == 0 && self.tokens[at].is_word() => name = Some(word.to_owned()),
                _ => {}
            }
        }
        self.modules.modules[id].extended.extend(name);
    }

    /// Reads the names that a `use` brings in.
    fn use_item(&mut self, id: usize) {
        let is_reexport = matches!(self.before(), "pub" | ")");
        self.at += 1;
        let mut uses = Vec::new();
        self.use_tree(&mut Vec::new(), is_reexport, &mut uses);
        self.at += 1;
        self.modules.modules[id].uses.extend(uses);
    }

    fn use_tree(&mut self, path: &mut Vec<String>, is_reexport: bool, uses: &mut Vec<Use>) {
        let length = path.len();
        loop {
            match self.text(self.at) {
                "{" => {
                    self.at += 1;
                    while !matches!(self.text(self.at), "}" | "") {
                        self.use_tree(path, is_reexport, uses);
                        self.at += usize::from(self.text(self.at) == ",");
                    }
                    self.at += 1;
                    break;
                }
                "*" => {
                    self.at += 1;
                    uses.push(Use { path: path.clone(), name: None, is_reexport });
                    break;
                }
                // `use ::name` leaves the crate; such a path resolves to nothing.
                "::" if path.is_empty() => {
                    path.push(String::new());
                    self.at += 1;
                }
                "::" => self.at += 1,
                "self" if length > 0 => self.at += 1,
                word if self.tokens.get(self.at).is_some_and(Token::is_word) && word != "as" => {
                    path.push(word.to_owned());
                    self.at += 1;
                }
                _ => {
                    let mut name = path.last().cloned();
                    if self.text(self.at) == "as" {
                        name = Some(self.text(self.at + 1).to_owned());
                        self.at += 2;
                    }
                    uses.push(Use { path: path.clone(), name, is_reexport });
                    break;
                }
            }
        }
        path.truncate(length);
    }

    /// Reads a path in the code, or steps over another token.
    fn path(&mut self, id: usize) {
        let is_first = self.tokens[self.at].is_word() && !matches!(self.before(), "." | "::");
        let mut path = vec![self.text(self.at).to_owned()];
        self.at += 1;
        while is_first
            && self.text(self.at) == "::"
            && self.tokens.get(self.at + 1).is_some_and(Token::is_word)
        {
            path.push(self.text(self.at + 1).to_owned());
            self.at += 2;
        }
        // A lone lower-case word is an item only if it is called: else it may be a variable.
        let is_type = path[0].starts_with(char::is_uppercase);
        let is_called = matches!(self.text(self.at), "(" | "!" | "::");
        if is_first && (path.len() > 1 || is_type || is_called) {
            self.modules.modules[id].paths.push(path);
        }
    }
}
