//! Import circles among the files of a crate.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::modules::{Modules, Target};

/// For each file, the files it imports from, each with one item.
type Imports = BTreeMap<usize, BTreeMap<usize, String>>;

/// Describes the shortest circle file by file; `None` if there is none.
pub(crate) fn shortest_circle(modules: &Modules) -> Option<String> {
    let imports = imports(modules);
    let circles = imports.keys().filter_map(|file| circle_through(&imports, *file));
    let circle = circles.min_by_key(Vec::len)?;
    let next = circle.iter().cycle().skip(1);
    let steps = circle.iter().zip(next).map(|(from, to)| {
        let item = &imports[from][to];
        format!("{} uses {item} of {}", modules.file(*from), modules.file(*to))
    });
    Some(steps.collect::<Vec<_>>().join(", "))
}

fn imports(modules: &Modules) -> Imports {
    let mut imports = Imports::new();
    for (id, module) in modules.all() {
        let uses = module.uses.iter().map(|used| (&used.path, used));
        let uses = uses.filter(|(_, used)| !used.is_reexport || !leads_down(modules, id, used));
        let paths = uses.map(|(path, _)| path).chain(&module.paths);
        for path in paths {
            let Some(Target::Item { module: owner, name }) = modules.resolve(id, path) else {
                continue;
            };
            let (from, to) = (module.file, modules.get(owner).file);
            if from != to && !modules.extends(id, owner, &name) {
                imports.entry(from).or_default().entry(to).or_insert(name);
            }
        }
    }
    imports
}

/// Whether a `use` names an item further down in the same module.
fn leads_down(modules: &Modules, module: usize, used: &super::modules::Use) -> bool {
    match modules.resolve(module, &used.path) {
        Some(Target::Item { module: owner, .. }) => modules.is_ancestor(module, owner),
        Some(Target::Module(_)) | None => true,
    }
}

/// The shortest circle through a file, by a breadth-first search.
fn circle_through(imports: &Imports, start: usize) -> Option<Vec<usize>> {
    let mut seen = BTreeSet::new();
    let mut queue = VecDeque::from([vec![start]]);
    while let Some(path) = queue.pop_front() {
        let last = *path.last()?;
        for next in imports.get(&last).into_iter().flat_map(BTreeMap::keys) {
            if *next == start {
                return Some(path);
            }
            if seen.insert(*next) {
                queue.push_back([&path[..], &[*next]].concat());
            }
        }
    }
    None
}
