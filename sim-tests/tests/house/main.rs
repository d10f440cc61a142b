//! The house rules: how the source files of every crate are arranged.
//!
//! 1. **No import circle.** No chain of imports among the source files of a crate leads back to its
//!    first file.
//! 2. **A short top level.** `core/src` has at most [`MOST_TOP_ENTRIES`] files and folders beside
//!    `lib.rs`.
//! 3. **Short files.** A source file has at most [`MOST_LINES`] lines, without its unit tests.
//! 4. **Short comment lines.** A line with a comment has at most [`MOST_COLUMNS`] characters, as
//!    rustfmt ensures for code.
//!
//! What rule 1 counts as an import. File `a.rs` imports from `b.rs` if its code names an item that
//! `b.rs` defines: in a `use`, or in a path such as `super::b::item()`. Re-exports are followed to
//! the file that defines the item. Comments, strings and `#[cfg(test)]` items do not count. Methods
//! do not count either, because they are called without a path. Three things are no import:
//!
//! - `mod b;`, which only declares a module, and naming a module without an item of it.
//! - A re-export (`pub use b::Item;` with any visibility) from a file further down in the same
//!   module, unless the re-exporting file uses the item itself.
//! - A type that an ancestor module defines, in a file that has an `impl` block for it. This is how
//!   Rust code splits a large type into files: `supervisor/mod.rs` defines `Supervisor`, and
//!   `supervisor/recovery.rs` has `use super::Supervisor;` and `impl Supervisor { … }`. Every other
//!   item of the ancestor counts: if `mod.rs` uses its child, the child must not use, for
//!   instance, a constant of `mod.rs`. Such an item belongs in a file of its own.

mod circles;
mod lexer;
mod modules;

use std::collections::BTreeMap;
use std::path::Path;

use self::circles::shortest_circle;
use self::lexer::lex;
use self::modules::{Files, Modules};

/// The folders of all crates of the workspace.
const CRATES: &[&str] = &[
    "core",
    "io-quinn",
    "io-quinn/cli",
    "io-quinn/dev-relay",
    "io-sim",
    "io-sim/entropy",
    "sim-tests",
];
/// The crate whose top level is bounded.
const CORE: &str = "core";
/// How many files and folders its `src` may hold beside `lib.rs`.
const MOST_TOP_ENTRIES: usize = 12;
/// How many lines a source file may have, without its unit tests.
const MOST_LINES: usize = 450;
/// How many characters a line with a comment may have.
const MOST_COLUMNS: usize = 100;

#[test]
fn no_crate_has_an_import_circle() {
    let found = CRATES.iter().flat_map(|name| {
        let modules = Modules::parse(&sources(name, "src"));
        let undeclared = modules.undeclared().iter();
        let undeclared = undeclared.map(|file| format!("{name}/src/{file} belongs to no module"));
        let circle = shortest_circle(&modules).map(|circle| format!("{name}: {circle}"));
        undeclared.chain(circle).collect::<Vec<_>>()
    });
    none(found.collect());
}

#[test]
fn the_top_level_of_core_is_short() {
    let entries = std::fs::read_dir(root().join(CORE).join("src")).expect("core has sources");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<_> = names.filter(|name| name != "lib.rs").collect();
    names.sort();
    assert!(names.len() <= MOST_TOP_ENTRIES, "core/src has {} entries: {names:?}", names.len());
}

#[test]
fn no_source_file_is_too_long() {
    let found = CRATES.iter().flat_map(|name| {
        let modules = Modules::parse(&sources(name, "src"));
        let lines = modules.lines();
        let long = lines.into_iter().filter(|(_, lines)| *lines > MOST_LINES);
        long.map(move |(file, lines)| format!("{name}/src/{file} has {lines} lines"))
            .collect::<Vec<_>>()
    });
    none(found.collect());
}

#[test]
fn no_comment_line_is_too_long() {
    let found = CRATES.iter().flat_map(|name| {
        sources(name, ".").into_iter().flat_map(move |(file, text)| {
            let lines = long_comment_lines(&text).into_iter();
            lines.map(|line| format!("{name}/{file}:{line}")).collect::<Vec<_>>()
        })
    });
    none(found.collect());
}

/// Fails with a list of what was found, if anything was.
fn none(found: Vec<String>) {
    assert!(found.is_empty(), "{} found:\n{}", found.len(), found.join("\n"));
}

/// The numbers of the lines that hold a comment and are too long.
fn long_comment_lines(text: &str) -> Vec<usize> {
    let comments = lex(text).comment_lines;
    let long = (1..).zip(text.lines()).filter(|(_, line)| line.chars().count() > MOST_COLUMNS);
    long.map(|(number, _)| number).filter(|number| comments.contains(number)).collect()
}

/// The root of the repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in a folder")
}

/// The Rust files of a crate's folder, by their path in it. Folders of other crates are left out.
fn sources(name: &str, folder: &str) -> Files {
    let crate_folder = root().join(name);
    let mut files = Files::new();
    let mut folders = vec![if folder == "." { crate_folder } else { crate_folder.join(folder) }];
    let base = folders[0].clone();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("the folder exists") {
            let path = entry.expect("an entry").path();
            let is_rust = path.extension().is_some_and(|extension| extension == "rs");
            if path.is_dir() {
                let is_crate = path.join("Cargo.toml").exists();
                if !is_crate && path.file_name().is_some_and(|name| name != "target") {
                    folders.push(path);
                }
            } else if is_rust {
                let inside = path.strip_prefix(&base).expect("the file is in the folder");
                let text = std::fs::read_to_string(&path).expect("the file can be read");
                files.insert(inside.to_string_lossy().replace('\\', "/"), text);
            }
        }
    }
    files
}

/// The shortest circle of a crate that is given as pairs of a path and a text.
fn circle(files: &[(&str, &str)]) -> Option<String> {
    let files: BTreeMap<String, String> =
        files.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())).collect();
    shortest_circle(&Modules::parse(&files))
}

#[test]
fn a_circle_of_two_files_is_found() {
    let found = circle(&[
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "use crate::b::B; pub struct A(B);"),
        ("b.rs", "pub struct B; fn f() { super::a::A::new(); }"),
    ]);
    assert_eq!(found.as_deref(), Some("a.rs uses B of b.rs, b.rs uses A of a.rs"));
}

/// The longer circle goes through a folder, a re-export and a nested `use`.
#[test]
fn a_circle_of_three_files_is_found() {
    let found = circle(&[
        ("lib.rs", "mod a; mod b; mod c; pub use a::A;"),
        ("a.rs", "use crate::{b::{self, inner}, c}; pub struct A; fn f() { inner::run(); }"),
        ("b/mod.rs", "pub mod inner;"),
        ("b/inner.rs", "pub fn run() { crate::c::C::default(); }"),
        ("c.rs", "use crate::A as Other; #[derive(Default)] pub struct C(Option<Other>);"),
    ]);
    let expected = "a.rs uses run of b/inner.rs, b/inner.rs uses C of c.rs, c.rs uses A of a.rs";
    assert_eq!(found.as_deref(), Some(expected));
}

#[test]
fn the_shortest_circle_is_reported() {
    let found = circle(&[
        ("lib.rs", "mod a; mod b; mod c;"),
        ("a.rs", "use crate::b::B; pub struct A(B);"),
        ("b.rs", "use crate::c::C; pub struct B(C);"),
        ("c.rs", "use crate::{a::A, b::B}; pub struct C(A, B);"),
    ]);
    assert_eq!(found.as_deref(), Some("b.rs uses C of c.rs, c.rs uses B of b.rs"));
}

#[test]
fn comments_strings_and_tests_are_no_imports() {
    let others = [
        "// use crate::a::A;",
        "/// As `crate::a::A`. /* use crate::a::A; */\nstruct Other;",
        "/* crate::a::A /* crate::a::A */ crate::a::A */",
        "const TEXT: &str = \"crate::a::A \\\" crate::a::A\";",
        "const TEXT: &str = r#\"crate::a::A \" crate::a::A\"#;",
        "const QUOTE: char = '\"'; // crate::a::A\nfn f<'a>(_: &'a str) {}",
        "#[cfg(test)]\nmod tests { use super::*; use crate::a::A; }",
        "#[cfg(all(test, unix))]\nuse crate::a::A;",
        "use crate::a;",
    ];
    for other in others {
        let b = format!("pub struct B;\n{other}");
        let files =
            [("lib.rs", "mod a; mod b;"), ("a.rs", "use crate::b::B; struct A(B);"), ("b.rs", &b)];
        assert_eq!(circle(&files), None, "{other}");
    }
}

/// A parent may re-export its child while the child uses an item of the parent, but it may not use
/// the child itself then.
#[test]
fn a_reexport_is_an_import_only_if_used() {
    let child = ("a/child.rs", "use super::SIZE; pub struct Child([u8; SIZE]);");
    let parent = "mod child; pub use child::Child; pub const SIZE: usize = 1;";
    assert_eq!(circle(&[("lib.rs", "mod a;"), ("a/mod.rs", parent), child]), None);
    let user = format!("{parent} struct Parent {{ child: Child }}");
    let found = circle(&[("lib.rs", "mod a;"), ("a/mod.rs", &user), child]);
    let expected = "a/mod.rs uses Child of a/child.rs, a/child.rs uses SIZE of a/mod.rs";
    assert_eq!(found.as_deref(), Some(expected));
}

/// A child may extend a type of its ancestor; it may not use another item of it, nor the type
/// without an `impl` block.
#[test]
fn a_type_may_be_split_into_child_files() {
    let parent = "mod child; pub struct Parent { state: child::State } pub const SIZE: usize = 1;";
    let with =
        |child: &str| circle(&[("lib.rs", "mod a;"), ("a/mod.rs", parent), ("a/child.rs", child)]);
    let state = "use super::Parent; pub struct State;";
    assert_eq!(with(&format!("{state} impl Parent {{ fn f(&self) {{}} }}")), None);
    assert_eq!(with(&format!("{state} impl<T> From<T> for Parent {{ }}")), None);
    assert!(with(&format!("{state} impl Parent {{ fn f() {{ super::SIZE; }} }}")).is_some());
    assert!(with(&format!("{state} fn f(_: impl Fn(Parent)) {{}}")).is_some());
    assert!(with(&format!("{state} fn f() -> impl Parent {{}}")).is_some());
    assert!(with(&format!("{state} impl From<Parent> for State {{}}")).is_some());
}

#[test]
fn a_file_must_belong_to_a_module() {
    let root = "mod a; #[cfg(test)] pub(crate) mod testing;";
    let files = [("lib.rs", root), ("a.rs", ""), ("testing.rs", ""), ("b.rs", "")];
    let files = files.map(|(file, text)| (file.to_owned(), text.to_owned()));
    assert_eq!(Modules::parse(&Files::from(files)).undeclared(), ["b.rs"]);
}

#[test]
fn lines_of_unit_tests_do_not_count() {
    let text = "fn f() {}\n\n#[cfg(test)]\nmod tests {\n    fn g() {}\n}\n";
    let files = BTreeMap::from([("lib.rs".to_owned(), text.to_owned())]);
    assert_eq!(Modules::parse(&files).lines(), [("lib.rs".to_owned(), 2)]);
}

#[test]
fn long_comment_lines_are_found() {
    let long = "x".repeat(MOST_COLUMNS);
    let text =
        format!("//! {long}\nconst X: &str = \"// {long}\";\nf(); // {long}\n/*\n{long}y\n*/\n");
    assert_eq!(long_comment_lines(&text), [1, 3, 5]);
    assert_eq!(long_comment_lines(&format!("//{}\n", "ä".repeat(MOST_COLUMNS - 2))), []);
}
