//! Hostile repositories by numbers: the same seed gives the same tree. `examples/fuzz_layout.rs` looks for trees that break
//! something; the seeds that did are replayed with the tests.

use std::time::{Duration, Instant};

use engine::git::{
    layout::{Found, complete, discover},
    lint::{MOST_FINDINGS, lint},
    releases::{Limits, Releases},
    rules::Rules,
    tree::Tree,
};
use git2::{ObjectType, Oid, Repository, Signature, Time};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};

/// What a case may take, on a busy machine and without optimisation.
const MOST_TIME: Duration = Duration::from_secs(60);

const NAMES: [&[u8]; 62] = [
    b"apps",
    b"web",
    b"api",
    b"overlays",
    b"overlay",
    b"envs",
    b"env",
    b"environments",
    b"base",
    b"components",
    b"variants",
    b"dev",
    b"prod",
    b"staging",
    b"production",
    b"prod-eu",
    b"eu-prod",
    b"dev-prod",
    b"non-prod",
    b"web-prod",
    b"qa",
    b"values",
    b"charts",
    b"clusters",
    b"bootstrap",
    b"deploy",
    b"k8s",
    b"Chart.yaml",
    b"values.yaml",
    b"values-dev.yaml",
    b"values.prod.yaml",
    b"dev.yaml",
    b"prod.yml",
    b"kustomization.yaml",
    b"kustomization.yml",
    b"Kustomization",
    b"version.yml",
    b"deployment.yaml",
    b"applications.yaml",
    b"set.yaml",
    b"config.json",
    b".quarterdeck.toml",
    b".github",
    b"node_modules",
    // What no sane repository has.
    b"..",
    b".",
    b".git",
    b"",
    b"a\nb",
    b"\x1b[31m",
    b"\xff\xfe",
    b"a/b",
    b"../../etc",
    b"a\\b",
    b"%2e%2e",
    b" ",
    b"*",
    b"{app}",
    "\u{202e}dev".as_bytes(),
    "prod\u{a0}".as_bytes(),
    "d\u{e9}v".as_bytes(),
    b"#",
];

const TEXTS: [&str; 18] = [
    "images:\n  - name: shop/web\n    newTag: \"1.5.0\"\n",
    "images:\n- {name: a, newTag: 1.20}\n- {name: a, digest: sha256:1}\nresources: [../../base, /etc, ../../../../x]\nnamespace: dev\n",
    "patches:\n  - path: version.yml\n  - path: ../prod/version.yml\n  - patch: |\n      kind: Deployment\nresources:\n  - https://169.254.169.254/x\n",
    "resources: [.]\ncomponents: [./, ../dev, ../prod]\n",
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n      containers:\n        - {name: web, image: shop/web:latest}\n        - {image: 'r:5/x@sha256:1'}\n",
    "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: web-dev}\nspec:\n  source: {repoURL: r, path: apps/web/overlays/dev, targetRevision: main}\n  destination: {name: prod, namespace: dev}\n",
    "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: redis-prod}\nspec:\n  sources:\n    - {repoURL: r, chart: redis, targetRevision: 1.2.3}\n    - {repoURL: r, path: /../.., ref: values}\n",
    "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {name: s}\nspec:\n  generators:\n    - list: {elements: [{env: dev, tag: '1'}, {env: prod}, x, ~]}\n    - git: {files: [{path: '**'}], directories: [{path: 'apps/*'}, {path: '[' }]}\n",
    "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {password: canary}\n",
    "image:\n  tag: \"1\"\nreplicaCount: 2\n",
    "{\"image\": {\"tag\": \"1\"}}",
    "[[apps]]\nid = \"web\"\npath = \"apps/web\"\n[[layouts]]\npattern = \"{environment}/{app}\"\n[[travels]]\nhelm_value = \"image.tag\"\n",
    "[[environments]]\nname = \"prod\"\n",
    "a: &a [*a]\n",
    "? [a]\n: b\n<<: [*x]\n",
    "",
    "\u{feff}---\n...\n---\nkind: \u{85}\n",
    "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: []\nspec: {source: [], sources: {}, destination: 1}\n",
];

/// A repository in memory, for many cases.
pub(crate) struct Hostile {
    git: Repository,
}

impl Hostile {
    /// `folder` is made, and holds nothing but an empty repository.
    pub(crate) fn in_folder(folder: &std::path::Path) -> Result<Self, git2::Error> {
        let git = Repository::init_bare(folder)?;
        git.odb()?.add_new_mempack_backend(1000)?;
        Ok(Self { git })
    }

    /// Makes the tree of a seed and looks at it in all ways.
    ///
    /// # Errors
    /// What does not hold, in words.
    pub(crate) fn try_seed(&self, seed: u64) -> Result<(), String> {
        let mut random = StdRng::seed_from_u64(seed);
        let head = self.history(&mut random).map_err(|error| format!("the case cannot be made: {error}"))?;
        let began = Instant::now();
        self.look(head)?;
        match began.elapsed() {
            took if took > MOST_TIME => Err(format!("it took {} s", took.as_secs())),
            _ => Ok(()),
        }
    }

    fn history(&self, random: &mut StdRng) -> Result<Oid, git2::Error> {
        let mut parent: Option<Oid> = None;
        for _ in 0..random.random_range(1..4) {
            let tree = match random.random_range(0..40) {
                0 => self.wide(random)?,
                1 => self.deep(random)?,
                _ => self.folder(random, 0)?,
            };
            let time = Time::new(random.random_range(0..4_000_000_000), random.random_range(-900..900));
            let who = Signature::new("e\u{1b}[31mve", "e@quarterdeck.test", &time)?;
            let parents: Vec<_> =
                parent.map(|it| self.git.find_commit(it)).transpose()?.into_iter().collect();
            let parents: Vec<_> = parents.iter().collect();
            // A tree that libgit2 does not read makes no commit by its ways.
            let Ok(tree) = self.git.find_tree(tree) else { continue };
            parent = Some(self.git.commit(None, &who, &who, "s\u{1b}[31m\n\nx: y", &tree, &parents)?);
        }
        match parent {
            Some(parent) => Ok(parent),
            None => {
                let tree = self.git.find_tree(self.git.odb()?.write(ObjectType::Tree, b"")?)?;
                let who = Signature::new("eve", "e@quarterdeck.test", &Time::new(0, 0))?;
                self.git.commit(None, &who, &who, "Nothing", &tree, &[])
            }
        }
    }

    fn folder(&self, random: &mut StdRng, depth: usize) -> Result<Oid, git2::Error> {
        let mut entries = Vec::new();
        for _ in 0..random.random_range(1..7) {
            let name = NAMES.choose(random).copied().unwrap_or_default();
            let looks_like_file = name.contains(&b'.') || name == b"Kustomization";
            let kind = random.random_range(0..20);
            let entry = match kind {
                0 => ("120000", self.git.blob(b"../../../etc/passwd")?),
                1 => ("160000", Oid::from_bytes(&[7; 20])?),
                2..16 if !looks_like_file && depth < 7 => ("40000", self.folder(random, depth + 1)?),
                2 if depth < 7 => ("40000", self.folder(random, depth + 1)?),
                _ => ("100644", self.git.blob(&text(random))?),
            };
            entries.push((name.to_vec(), entry));
        }
        self.write(entries)
    }

    fn wide(&self, random: &mut StdRng) -> Result<Oid, git2::Error> {
        let inner = self.folder(random, 3)?;
        let entries = (0..10_000).map(|it| (format!("app-{it:05}").into_bytes(), ("40000", inner)));
        self.write(entries.collect())
    }

    fn deep(&self, random: &mut StdRng) -> Result<Oid, git2::Error> {
        let mut tree = self.folder(random, 6)?;
        for _ in 0..random.random_range(50..3000) {
            let name = NAMES.choose(random).copied().unwrap_or_default();
            tree = self.write(vec![(name.to_vec(), ("40000", tree))])?;
        }
        Ok(tree)
    }

    /// As raw bytes: Git's own tools would refuse such names.
    fn write(&self, mut entries: Vec<(Vec<u8>, (&str, Oid))>) -> Result<Oid, git2::Error> {
        // Git's order, or nothing would be found in it: folders as if their names ended with a slash.
        let key = |(name, (mode, _)): &(Vec<u8>, (&str, Oid))| {
            name.iter().copied().chain((*mode == "40000").then_some(b'/')).collect::<Vec<_>>()
        };
        entries.sort_by_key(key);
        let mut names = std::collections::HashSet::new();
        entries.retain(|(name, _)| names.insert(name.clone()));
        let mut bytes = Vec::new();
        for (name, (mode, id)) in entries {
            bytes.extend_from_slice(mode.as_bytes());
            bytes.push(b' ');
            bytes.extend_from_slice(&name);
            bytes.push(0);
            bytes.extend_from_slice(id.as_bytes());
        }
        self.git.odb()?.write(ObjectType::Tree, &bytes)
    }

    fn look(&self, head: Oid) -> Result<(), String> {
        let tree = Tree::at(&self.git, &head.to_string()).map_err(|error| error.to_string())?;
        let operators = Rules::default();
        let (rules, why) = operators.read(&tree);
        hold(why.is_none_or(|it| is_one_line(&it.why)), "why rules are not taken is one line")?;
        // What cannot be read is an answer, too.
        let Ok(found) = discover(&tree, &rules) else { return Ok(()) };
        hold(discover(&tree, &rules).is_ok_and(|again| again == found), "found again alike")?;
        check(&tree, &found)?;
        for app in found.apps.iter().take(20) {
            let mut app = app.clone();
            complete(&tree, &mut app);
            check(&tree, &Found { apps: vec![app], ..Found::default() })?;
        }
        let findings = lint(&tree, &found, &operators, &[]);
        hold(findings.len() <= MOST_FINDINGS, "findings are bounded")?;
        for it in &findings {
            let texts = [&it.path, &it.what, &it.mend];
            hold(texts.into_iter().all(|text| is_one_line(text)), "findings are lines")?;
            hold(!it.what.contains("canary"), "no value of a Secret is told")?;
        }
        let releases = Releases::read(&self.git, head, &found, Limits::default());
        hold(releases.is_ok(), "releases are read")
    }
}

fn check(tree: &Tree<'_>, found: &Found) -> Result<(), String> {
    hold(found.not_understood.len() <= 200, "what is told is bounded")?;
    hold(
        found.not_understood.iter().all(|it| is_one_line(&it.path) && is_one_line(&it.why)),
        "what is told is lines",
    )?;
    hold(
        found.apps.windows(2).all(|it| it[0].base_path < it[1].base_path),
        "base paths are in order, each once",
    )?;
    for app in &found.apps {
        hold(is_one_line(&app.name) && !app.name.is_empty(), "names are lines")?;
        for place in app.places.values().flatten() {
            let files =
                place.files.iter().map(|(_, path)| path).chain(place.carriers.iter().map(|it| &it.file));
            for path in files {
                hold(is_inside(path), &format!("{path:?} stays in the repository"))?;
                hold(tree.read(path).is_ok(), &format!("{path:?} is a file that can be read"))?;
            }
            hold(place.folder.as_deref().is_none_or(is_inside), "no folder leaves the repository")?;
        }
    }
    Ok(())
}

fn hold(holds: bool, what: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(format!("does not hold: {what}")) }
}

fn is_one_line(text: &str) -> bool {
    !text.contains(char::is_control)
}

fn is_inside(path: &str) -> bool {
    is_one_line(path) && path.split('/').all(|part| !["", ".", "..", ".git"].contains(&part))
}

/// A content: sound, damaged, or nothing that a file should be.
fn text(random: &mut StdRng) -> Vec<u8> {
    let mut bytes = TEXTS.choose(random).copied().unwrap_or_default().as_bytes().to_vec();
    match random.random_range(0..30) {
        0 => bytes = bomb(),
        1 => bytes = vec![b'['; random.random_range(1..100_000)],
        2 => bytes = (0..random.random_range(0..200)).map(|_| random.random()).collect(),
        3 => bytes.extend(b"- x\n".repeat(random.random_range(0..20_000))),
        4 => bytes = String::from_utf8_lossy(&bytes).encode_utf16().flat_map(u16::to_le_bytes).collect(),
        5..12 if !bytes.is_empty() => {
            for _ in 0..random.random_range(1..4) {
                let at = random.random_range(0..bytes.len());
                let piece =
                    [&b"\n"[..], b"\"", b"*a ", b"&a ", b"[", b"}", b"\xff", b": ", b"- ", b"\t", b"#", b"|"];
                let piece = piece.choose(random).copied().unwrap_or_default();
                bytes.splice(at..(at + random.random_range(0..3)).min(bytes.len()), piece.iter().copied());
            }
        }
        _ => {}
    }
    bytes
}

fn bomb() -> Vec<u8> {
    let mut text = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (name, before) in ('b'..='k').zip('a'..) {
        let aliases = vec![format!("*{before}"); 9].join(", ");
        text.push_str(&format!("{name}: &{name} [{aliases}]\n"));
    }
    text.into_bytes()
}
