use std::collections::BTreeMap;

use super::*;

fn policy(text: &str) -> Policy {
    Policy::from_csv(text).expect("a good policy")
}

fn with_default(text: &str, role: &str) -> Policy {
    let data = [("policy.csv", text), ("policy.default", role)];
    Policy::from_config_map(&data.map(|(key, value)| (key.to_owned(), value.to_owned())).into())
        .expect("a good policy")
}

/// Asks both ways: line by line, and compiled.
fn allows(policy: &Policy, user: &str, groups: &[&str], [resource, action, object]: [&str; 3]) -> bool {
    let groups: Vec<_> = groups.iter().map(|&group| group.to_owned()).collect();
    let (subjects, request) = (Subjects { user, groups: &groups }, Request { resource, action, object });
    let allowed = policy.decide(subjects, request).allowed;
    assert_eq!(
        Compiled::new(policy, subjects).allows(request),
        allowed,
        "compiled: {user} {groups:?} {request:?}"
    );
    allowed
}

const GET: [&str; 3] = ["applications", "get", "shop/web"];

#[test]
fn a_deny_wins_within_one_subject_and_not_across_subjects() {
    let policy = policy(
        "p, role:a, applications, get, */*, allow\np, role:b, applications, get, shop/*, deny\n\
         g, ann, role:a\ng, ann, role:b\ng, team-a, role:a\ng, team-b, role:b",
    );
    assert!(!allows(&policy, "ann", &[], GET));
    assert!(allows(&policy, "ann", &["team-a"], GET), "what one group allows, no other subject takes");
    assert!(allows(&policy, "x", &["team-b", "team-a"], GET));
    assert!(!allows(&policy, "x", &["team-b"], GET));
    let decision = policy.decide(
        Subjects { user: "ann", groups: &[] },
        Request { resource: "applications", action: "get", object: "shop/web" },
    );
    assert_eq!(decision.line.expect("a line").number, 2);
}

#[test]
fn an_allow_of_the_default_role_stands() {
    let text = "p, ann, applications, get, */*, deny";
    assert!(allows(&with_default(text, "role:readonly"), "ann", &[], GET));
    assert!(!allows(&with_default(text, ""), "ann", &[], GET));
    assert!(allows(&with_default("", "role:readonly"), "nobody", &[], GET));
}

#[test]
fn a_group_counts_only_where_a_g_line_names_it() {
    let lines = "p, devs, applications, get, */*, allow";
    assert!(!allows(&policy(lines), "x", &["devs"], GET));
    assert!(allows(&policy(lines), "devs", &[], GET), "as a user it is a subject");
    assert!(allows(&policy(&format!("{lines}\ng, devs, role:none")), "x", &["devs"], GET));
}

#[test]
fn chains_of_roles_end_after_ten_steps() {
    let chain = |steps: usize| {
        let links: String = (0..steps).map(|n| format!("g, r{n}, r{}\n", n + 1)).collect();
        policy(&format!("{links}p, r{steps}, applications, get, */*, allow"))
    };
    assert!(allows(&chain(10), "r0", &[], GET));
    assert!(!allows(&chain(11), "r0", &[], GET));
    assert!(!allows(&policy("g, a, b\ng, b, a"), "a", &[], GET), "a circle ends");
}

#[test]
fn built_in_roles_and_fine_grained_actions() {
    let policy =
        policy("g, ops, role:admin\ng, eyes, role:readonly\np, fix, applications, update/*, shop/*, allow");
    assert!(allows(&policy, "admin", &[], ["applications", "sync", "shop/web"]));
    assert!(allows(&policy, "x", &["ops"], ["applications", "action/apps/Deployment/restart", "shop/web"]));
    assert!(allows(&policy, "x", &["ops"], GET), "an administrator also reads");
    assert!(!allows(&policy, "x", &["eyes"], ["applications", "sync", "shop/web"]));
    assert!(allows(&policy, "fix", &[], ["applications", "update/apps/Deployment/shop/web", "shop/web"]));
    assert!(!allows(&policy, "fix", &[], ["applications", "update", "shop/web"]));
}

#[test]
fn all_keys_of_the_config_map_count_in_order() {
    let data: BTreeMap<String, String> = [
        ("policy.zz.csv", "g, ann, role:x"),
        ("policy.csv", "p, role:x, applications, get, */*, allow"),
        ("policy.overlay", "p, broken"),
        ("scopes", "[groups]"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into();
    let policy = Policy::from_config_map(&data).expect("loads");
    assert!(allows(&policy, "ann", &[], GET));
    let broken = BTreeMap::from([("policy.a.csv".to_owned(), "\np, x, y".to_owned())]);
    assert_eq!(Policy::from_config_map(&broken).expect_err("breaks").number, 2);
}

#[test]
fn regular_expressions_match_anywhere() {
    let data = [("policy.csv", "p, ann, app.*, ^get$, web, allow"), ("policy.matchMode", "regex")];
    let policy = Policy::from_config_map(&data.map(|(key, value)| (key.to_owned(), value.to_owned())).into())
        .expect("loads");
    assert!(allows(&policy, "ann", &[], GET));
    assert!(!allows(&policy, "ann", &[], ["applications", "get", "shop/api"]));
}

#[test]
fn roles_of_a_project_count_for_its_objects() {
    let roles = [ProjectRole {
        name: "dev".into(),
        policies: vec!["p, proj:shop:dev, applications, sync, shop/*, allow".into()],
        groups: vec!["shop-devs".into()],
    }];
    let base = policy("");
    let shop = base.with_project("shop", &roles).expect("loads");
    let sync = ["applications", "sync", "shop/web"];
    assert!(allows(&shop, "x", &["shop-devs"], sync));
    assert!(allows(&shop, "x", &["shop-devs"], ["projects", "get", "shop"]));
    assert!(!allows(&base, "x", &["shop-devs"], sync));
    let groups = ["shop-devs".to_owned()];
    let subjects = Subjects { user: "x", groups: &groups };
    assert!(!Compiled::new(&shop, subjects).is_same(&Compiled::new(&base, subjects)));
    let stranger = Subjects { user: "x", groups: &[] };
    assert!(Compiled::new(&shop, stranger).is_same(&Compiled::new(&base, stranger)));
}

#[test]
fn our_own_policy_takes_over_who_is_who() {
    let argo = policy("g, ops, role:admin\ng, devs, role:dev");
    let data = BTreeMap::from([(
        "policy.csv".to_owned(),
        "p, role:dev, applications, get, dev/*/*, allow".to_owned(),
    )]);
    let own = Policy::own_from_config_map(&data, &argo).expect("loads");
    assert!(own.speaks_of("applications") && !own.speaks_of("audit"));
    assert!(allows(&own, "x", &["devs"], ["applications", "get", "dev/shop/web"]));
    assert!(!allows(&own, "x", &["devs"], ["applications", "get", "prod/shop/web"]));
    assert!(allows(&own, "x", &["ops"], ["audit", "export", "*"]));
}
