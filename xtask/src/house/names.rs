//! What the items of one module name, define and hand on.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{
    Attribute, ImplItemFn, Item, ItemMod, ItemUse, LitStr, Macro, Meta, MetaList, MetaNameValue,
    UseTree, Visibility,
};

/// All `::` paths are from the root of the crate.
#[derive(Default)]
pub(super) struct Named {
    /// What the module brings into scope, and what for: the name here, the whole path.
    pub(super) aliases: BTreeMap<String, Vec<String>>,
    /// Those of them that others may name by this module.
    pub(super) exports: BTreeSet<String>,
    /// What it defines itself.
    pub(super) defines: BTreeSet<String>,
    /// Modules of which it hands on all names.
    pub(super) globs: BTreeSet<Vec<String>>,
    /// All paths that it names, each with the first line it stands in.
    pub(super) named: BTreeMap<Vec<String>, usize>,
}

/// The modules among these items, those for tests left out.
pub(super) fn modules(items: &[Item]) -> impl Iterator<Item = &ItemMod> {
    items.iter().filter_map(|item| match item {
        Item::Mod(module) if !is_for_tests(&module.attrs) => Some(module),
        _ => None,
    })
}

impl Named {
    /// Reads the items of the module with this path.
    pub(super) fn read(path: &[String], items: &[Item]) -> Self {
        let children = modules(items).map(|module| module.ident.to_string());
        let mut reader = Reader {
            path,
            children: children.collect(),
            found: Self::default(),
        };
        // First what is in scope: paths are read by it. Twice, as one `use` may need a later one.
        let is_use = |item: &&Item| matches!(item, Item::Use(_));
        for item in items
            .iter()
            .filter(is_use)
            .chain(items.iter().filter(is_use))
        {
            reader.visit_item(item);
        }
        for item in items.iter().filter(|item| !is_use(item)) {
            reader.visit_item(item);
        }
        reader.found
    }
}

struct Reader<'a> {
    path: &'a [String],
    children: BTreeSet<String>,
    found: Named,
}

impl Reader<'_> {
    /// A path as it is written, from the root of the crate; none where it leads out of it.
    fn absolute(&self, written: &[String]) -> Option<Vec<String>> {
        let (first, mut behind) = written.split_first()?;
        let mut path = match first.as_str() {
            "crate" => Vec::new(),
            "self" => self.path.to_vec(),
            "super" => self.path.split_last()?.1.to_vec(),
            name if self.children.contains(name) => [self.path, &[name.to_owned()]].concat(),
            name => self.found.aliases.get(name)?.clone(),
        };
        while let Some((name, rest)) = behind.split_first()
            && name == "super"
        {
            path.pop()?;
            behind = rest;
        }
        path.extend_from_slice(behind);
        Some(path)
    }

    fn name(&mut self, path: Vec<String>, line: usize) {
        let first = self.found.named.entry(path).or_insert(line);
        *first = line.min(*first);
    }

    /// A path in code.
    fn name_written(&mut self, written: &[String], line: usize) {
        // One word alone is a name in scope, and its `use` line is read; but one that is handed on is used only here.
        if let [word] = written
            && !self.found.exports.contains(word)
        {
            return;
        }
        if let Some(path) = self.absolute(written) {
            self.name(path, line);
        }
    }

    fn bring(&mut self, written: &[String], tree: &UseTree, exported: bool) {
        let with = |name: &syn::Ident| [written, &[name.to_string()]].concat();
        let line = tree.span().start().line;
        match tree {
            UseTree::Path(path) => self.bring(&with(&path.ident), &path.tree, exported),
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.bring(written, tree, exported);
                }
            }
            UseTree::Name(name) if name.ident == "self" => {
                let last = written.last().cloned().unwrap_or_default();
                self.alias(written, last, line, exported);
            }
            UseTree::Name(name) => {
                self.alias(&with(&name.ident), name.ident.to_string(), line, exported);
            }
            UseTree::Rename(name) => {
                self.alias(&with(&name.ident), name.rename.to_string(), line, exported);
            }
            UseTree::Glob(_) => match self.absolute(written) {
                Some(path) if exported => {
                    self.found.globs.insert(path);
                }
                Some(path) => self.name([path, vec!["*".to_owned()]].concat(), line),
                None => {}
            },
        }
    }

    fn alias(&mut self, written: &[String], name: String, line: usize, exported: bool) {
        let Some(path) = self.absolute(written) else {
            return;
        };
        // What a module only hands on, it does not use.
        if exported {
            self.found.exports.insert(name.clone());
        } else {
            self.name(path.clone(), line);
        }
        self.found.aliases.insert(name, path);
    }

    /// The paths in what a macro is given, where nobody but the macro knows what is code.
    fn name_tokens(&mut self, tokens: TokenStream) {
        let mut written: Vec<String> = Vec::new();
        let mut line = 0;
        let mut colons = 0;
        for token in tokens {
            match &token {
                TokenTree::Ident(word) => {
                    if colons != 2 {
                        self.name_written(&written, line);
                        written.clear();
                    }
                    line = word.span().start().line;
                    written.push(word.to_string());
                    colons = 0;
                    continue;
                }
                TokenTree::Punct(mark) if mark.as_char() == ':' && colons < 2 => {
                    colons += 1;
                    continue;
                }
                _ => {}
            }
            self.name_written(&written, line);
            written.clear();
            colons = 0;
            if let TokenTree::Group(group) = token {
                self.name_tokens(group.stream());
            }
        }
        self.name_written(&written, line);
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        let (attributes, name) = match item {
            Item::Const(item) => (&item.attrs, Some(&item.ident)),
            Item::Enum(item) => (&item.attrs, Some(&item.ident)),
            Item::Fn(item) => (&item.attrs, Some(&item.sig.ident)),
            Item::Impl(item) => (&item.attrs, None),
            Item::Macro(item) => (&item.attrs, item.ident.as_ref()),
            Item::Static(item) => (&item.attrs, Some(&item.ident)),
            Item::Struct(item) => (&item.attrs, Some(&item.ident)),
            Item::Trait(item) => (&item.attrs, Some(&item.ident)),
            Item::Type(item) => (&item.attrs, Some(&item.ident)),
            Item::Union(item) => (&item.attrs, Some(&item.ident)),
            _ => return visit::visit_item(self, item),
        };
        if is_for_tests(attributes) {
            return;
        }
        if let Some(name) = name {
            self.found.defines.insert(name.to_string());
        }
        visit::visit_item(self, item);
    }

    fn visit_item_mod(&mut self, _: &'ast ItemMod) {
        // A module of its own.
    }

    fn visit_item_use(&mut self, found: &'ast ItemUse) {
        if !is_for_tests(&found.attrs) {
            let exported = !matches!(found.vis, Visibility::Inherited);
            self.bring(&[], &found.tree, exported);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        if !is_for_tests(&function.attrs) {
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let words = path.segments.iter().map(|part| part.ident.to_string());
        let written: Vec<String> = words.collect();
        self.name_written(&written, path.span().start().line);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &'ast Macro) {
        self.name_tokens(called.tokens.clone());
        visit::visit_macro(self, called);
    }

    fn visit_meta_list(&mut self, list: &'ast MetaList) {
        self.name_tokens(list.tokens.clone());
        for token in list.tokens.clone() {
            // serde wants paths in quotes.
            if let TokenTree::Literal(literal) = token
                && let Ok(text) = syn::parse_str::<LitStr>(&literal.to_string())
                && let Ok(path) = text.parse::<syn::Path>()
            {
                let words = path.segments.iter().map(|part| part.ident.to_string());
                let written: Vec<String> = words.collect();
                self.name_written(&written, literal.span().start().line);
            }
        }
        visit::visit_meta_list(self, list);
    }

    fn visit_meta_name_value(&mut self, _: &'ast MetaNameValue) {
        // Documentation, mostly, and never code.
    }
}

/// Whether this is there for tests only.
fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let condition = || attribute.parse_args::<Meta>();
        attribute.path().is_ident("test")
            || attribute.path().is_ident("cfg") && condition().is_ok_and(|found| needs_test(&found))
    })
}

/// Whether this condition holds in tests only.
fn needs_test(condition: &Meta) -> bool {
    let parts = |list: &MetaList| {
        let comma = syn::punctuated::Punctuated::<Meta, syn::Token![,]>::parse_terminated;
        list.parse_args_with(comma).unwrap_or_default()
    };
    match condition {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) if list.path.is_ident("all") => parts(list).iter().any(needs_test),
        Meta::List(list) if list.path.is_ident("any") => parts(list).iter().all(needs_test),
        _ => false,
    }
}
