//! Plans of random repositories: git takes the patches, and nothing but the fields changes.

use engine::git::edit;
use proptest::prelude::*;

use super::repo::Repo;

/// A line that no plan may touch.
fn noise() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "# A comment: images".to_owned(),
        "namespace: shop".to_owned(),
        "namePrefix: 'ü '".to_owned(),
        "commonLabels: {a: &x \"1\", b: *x}".to_owned(),
        "resources:\n- ../../base # base\n-   more.yaml".to_owned(),
        String::new(),
        "replicas:\n  - {name: web, count: 3}".to_owned(),
    ])
}

fn image() -> impl Strategy<Value = (usize, String)> {
    let tag = prop::sample::select(vec!["1.0", "v2", "\"1.20\"", "'3'", "2024-01-02", "a_b.c-d"]);
    let style = 0..3_usize;
    (0..4_usize, tag, style).prop_map(|(name, tag, style)| {
        let tag = if tag.parse::<f64>().is_ok() || tag.contains("2024") {
            format!("\"{tag}\"")
        } else {
            tag.to_owned()
        };
        let entry = match style {
            0 => format!("- name: shop/{name}\n  newTag: {tag} # keep"),
            1 => format!("- {{name: shop/{name}, newTag: {tag}}}"),
            _ => format!("- newTag: {tag}\n\n  name: \"shop/{name}\""),
        };
        (name, entry)
    })
}

/// A kustomization with each key and image once, with odd line ends.
fn kustomization() -> impl Strategy<Value = String> {
    let images = prop::collection::vec(image(), 1..4);
    (prop::collection::vec(noise(), 0..5), images, any::<bool>(), any::<bool>()).prop_map(
        |(noise, images, crlf, end)| {
            let mut lines: Vec<String> = Vec::new();
            for line in noise {
                let key = line.split(':').next().unwrap_or_default();
                if line.is_empty()
                    || line.starts_with('#')
                    || !lines.iter().any(|it| it.starts_with(&format!("{key}:")))
                {
                    lines.push(line);
                }
            }
            let (mut known, mut list) = (Vec::new(), vec!["images:".to_owned()]);
            for (name, entry) in images {
                if !known.contains(&name) {
                    known.push(name);
                    list.push(entry);
                }
            }
            lines.insert(lines.len() / 2, list.join("\n"));
            let text = lines.join("\n") + if end { "\n" } else { "" };
            if crlf { text.replace('\n', "\r\n") } else { text }
        },
    )
}

fn file_name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["apps/web", "apps/a b", "apps/\"q\"", "apps/ü", "apps/t\tab", "x"])
        .prop_map(str::to_owned)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn git_makes_the_bytes_that_were_planned_and_only_fields_change(
        (dev, prod, base) in (kustomization(), kustomization(), file_name()),
    ) {
        let file = |environment: &str| format!("{base}/overlays/{environment}/kustomization.yaml");
        let repo = Repo::new(&[(&file("dev"), &dev), (&file("prod"), &prod), ("other.yaml", "a: 1\n")]);
        let ask = vec![engine::git::plan::AppAsk::named(&base)];
        let Ok(planned) = repo.promote_all("dev", "prod", ask) else { return Ok(()) };
        if planned.plan.is_empty() {
            return Ok(());
        }
        repo.check_with_git(&planned);
        for (path, write) in &planned.writes {
            prop_assert_eq!(path, &file("prod"));
            let read = |bytes: &Option<Vec<u8>>| {
                edit::Tree::read(bytes.as_deref().unwrap_or_default(), &edit::Limits::default()).expect("reads")
            };
            for change in edit::difference(&read(&write.before), &read(&write.after)) {
                let field = change.path.to_string();
                prop_assert!(field.starts_with("images["), "{} changed", field);
            }
        }
        let again = repo.carry_out(&planned);
        prop_assert!(repo.head().commit() == again);
        let ask = vec![engine::git::plan::AppAsk::named(&base)];
        prop_assert!(repo.promote_all("dev", "prod", ask).expect("plans").plan.is_empty());
    }
}
