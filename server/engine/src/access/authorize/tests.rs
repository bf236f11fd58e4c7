use std::collections::BTreeMap;

use super::*;
use crate::access::policy::ProjectRole;

const PLANE: &str = "lab";
const VERBS: [Verb; 14] = [
    Verb::Get,
    Verb::Refresh,
    Verb::Sync,
    Verb::Update,
    Verb::Promote,
    Verb::RollBack,
    Verb::Approve,
    Verb::CancelChange,
    Verb::PlaceHold,
    Verb::ReleaseHold,
    Verb::Terminate,
    Verb::Export,
    Verb::Create,
    Verb::Delete,
];

/// The roles that the demo has, in short.
const ARGO_CD: &str = "
p, role:devops, applications, *, */*, allow
p, role:managers, applications, get, */*, allow
p, role:managers, applications, sync, */*, allow
p, role:devs, applications, get, */*, allow
p, role:devops, clusters, get, *, allow
g, admins, role:admin
g, devops-team, role:devops
g, release-managers, role:managers
g, developers, role:devs
";
const OWN: &str = "
p, role:devops, applications, *, dev/*/*, allow
p, role:devops, applications, *, staging/*/*, allow
p, role:devops, applications, get, prod/*/*, allow
p, role:managers, applications, get, */*/*, allow
p, role:managers, applications, sync, prod/*/*, allow
p, role:devs, applications, get, dev/*/*, allow
";

fn data(text: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("policy.csv".to_owned(), text.to_owned())])
}

fn rights(argo_cd: &str, own: &str) -> Rights {
    let rights = Rights::default().with_argo_cd(PLANE, &data(argo_cd)).expect("a good policy");
    rights.with_own(PLANE, data(own)).expect("a good policy")
}

fn person(groups: &[&str]) -> Actor {
    Actor {
        name: "ann@example.test".into(),
        subject: "u-ann".into(),
        kind: ActorKind::Person,
        groups: groups.iter().map(|&group| group.to_owned()).collect(),
        session: None,
        scopes: Vec::new(),
        request_id: "r".into(),
        address: None,
    }
}

fn token(groups: &[&str], scopes: &[&str]) -> Actor {
    let scopes = scopes.iter().map(|&scope| scope.to_owned()).collect();
    Actor { kind: ActorKind::Token, scopes, ..person(groups) }
}

fn on_application(rights: &Rights, actor: &Actor, verb: Verb, environment: &str) -> AppResult<()> {
    let name = format!("web-{environment}");
    let id = ApplicationId { control_plane: PLANE.into(), namespace: "argocd".into(), name };
    let (project, app) = ("shop", "web");
    let environment = Some(environment);
    rights.authorize(actor, verb, &Object::Application { id: &id, project, environment, app, home: "argocd" })
}

fn may(rights: &Rights, actor: &Actor, verb: Verb, environment: &str) -> bool {
    on_application(rights, actor, verb, environment).is_ok()
}

#[test]
fn the_roles_of_a_company_hold_per_environment() {
    let rights = rights(ARGO_CD, OWN);
    // For each group: what may be seen, and what may be synced, in dev, staging and prod.
    for (group, seen, synced) in [
        ("admins", [true, true, true], [true, true, true]),
        ("devops-team", [true, true, true], [true, true, false]),
        ("release-managers", [true, true, true], [false, false, true]),
        ("developers", [true, false, false], [false, false, false]),
        ("strangers", [false, false, false], [false, false, false]),
    ] {
        let actor = person(&[group]);
        for (index, environment) in ["dev", "staging", "prod"].into_iter().enumerate() {
            assert_eq!(
                may(&rights, &actor, Verb::Get, environment),
                seen[index],
                "{group} sees {environment}"
            );
            assert_eq!(
                may(&rights, &actor, Verb::Sync, environment),
                synced[index],
                "{group} syncs {environment}"
            );
        }
    }
}

#[test]
fn what_may_not_be_seen_is_answered_as_absent_and_the_rest_as_forbidden() {
    let rights = rights(ARGO_CD, OWN);
    let developer = person(&["developers"]);
    assert!(matches!(
        on_application(&rights, &developer, Verb::Sync, "prod"),
        Err(AppError::NotFound { .. })
    ));
    assert!(matches!(
        on_application(&rights, &developer, Verb::Sync, "dev"),
        Err(AppError::Forbidden { .. })
    ));
    assert!(may(&rights, &developer, Verb::Refresh, "dev"), "who sees may refresh");
    assert!(!may(&rights, &developer, Verb::Terminate, "dev"), "who may not sync may not terminate");
}

#[test]
fn above_policies_stand_the_local_administrator_and_the_system_alone() {
    let rights = rights("p, u-ann, *, *, *, deny\np, admin, *, *, *, deny", "");
    for (kind, allowed) in [
        (ActorKind::LocalAdmin, true),
        (ActorKind::System, true),
        (ActorKind::Person, false),
        (ActorKind::Token, false),
    ] {
        let actor = Actor { kind, ..person(&["developers"]) };
        for verb in VERBS {
            assert_eq!(may(&rights, &actor, verb, "dev"), allowed, "{kind:?} {verb}");
        }
    }
}

#[test]
fn until_both_policies_are_read_nobody_has_a_right() {
    let unread = Rights::default();
    let half = Rights::default().with_argo_cd(PLANE, &data(ARGO_CD)).expect("good");
    let developer = person(&["developers"]);
    assert!(!may(&unread, &developer, Verb::Get, "dev"));
    assert!(!may(&half, &developer, Verb::Get, "dev"));
    assert!(!half.is_known(PLANE));
    assert!(may(&half.with_own(PLANE, data("")).expect("good"), &developer, Verb::Get, "dev"));
}

#[test]
fn without_lines_of_ours_argo_cd_decides_alone() {
    let rights = rights(ARGO_CD, "p, role:devs, audit, get, dev/*/*, allow");
    assert!(may(&rights, &person(&["developers"]), Verb::Get, "prod"));
    let record = |name| Object::Own { resource: "audit", control_plane: Some(PLANE), name };
    let developer = person(&["developers"]);
    assert!(rights.allows(&developer, Verb::Get, &record("dev/shop/web")));
    assert!(!rights.allows(&developer, Verb::Get, &record("*")));
    assert!(rights.allows(&person(&["admins"]), Verb::Get, &record("*")), "role:admin counts in both");
}

#[test]
fn an_application_outside_of_argo_cds_namespace_is_named_with_its_own() {
    let rights = rights("p, u-ann, applications, get, shop/team/web, allow", "");
    let of = |namespace: &str| {
        let id =
            ApplicationId { control_plane: PLANE.into(), namespace: namespace.into(), name: "web".into() };
        let (project, environment, app) = ("shop", None, "web");
        rights.allows(
            &person(&[]),
            Verb::Get,
            &Object::Application { id: &id, project, environment, app, home: "argocd" },
        )
    };
    assert!(of("team"));
    assert!(!of("argocd"));
}

#[test]
fn roles_of_projects_count_in_their_project_alone() {
    let roles = ProjectRole {
        name: "watchers".into(),
        policies: vec!["p, proj:shop:watchers, applications, get, *, allow".into()],
        groups: vec!["shop-watchers".into()],
    };
    let (rights, broken) =
        rights("", "").with_projects(PLANE, BTreeMap::from([("shop".into(), vec![roles])]));
    assert!(broken.is_empty());
    let watcher = person(&["shop-watchers"]);
    assert!(may(&rights, &watcher, Verb::Get, "dev"));
    let id = ApplicationId { control_plane: PLANE.into(), namespace: "argocd".into(), name: "pay".into() };
    let other =
        Object::Application { id: &id, project: "bank", environment: None, app: "pay", home: "argocd" };
    assert!(!rights.allows(&watcher, Verb::Get, &other), "whatever the project's lines say");
}

#[test]
fn clusters_go_by_their_server_or_by_lines_of_ours() {
    let id = ClusterId { control_plane: PLANE.into(), name: "dev".into() };
    let cluster = Object::Cluster { id: &id, server: "https://dev:6443", project: None };
    let argo_cd = rights("p, u-ann, clusters, get, https://dev*, allow", "");
    assert!(argo_cd.allows(&person(&[]), Verb::Get, &cluster));
    let of_project = Object::Cluster { project: Some("shop"), id: &id, server: "https://dev:6443" };
    assert!(!argo_cd.allows(&person(&[]), Verb::Get, &of_project));
    let own = rights("p, u-ann, clusters, get, *, allow", "p, u-bob, clusters, get, dev, allow");
    assert!(!own.allows(&person(&[]), Verb::Get, &cluster));
}

#[test]
fn a_token_has_a_part_of_its_owners_rights_and_never_more() {
    let rights = rights(ARGO_CD, OWN);
    let sync_dev = token(&["devops-team"], &["applications, get, dev/*", "applications, sync, dev/*"]);
    assert!(may(&rights, &sync_dev, Verb::Sync, "dev"));
    assert!(!may(&rights, &sync_dev, Verb::Get, "staging"));
    let too_much = token(&["developers"], &["*, *, *"]);
    assert!(may(&rights, &too_much, Verb::Get, "dev"));
    assert!(!may(&rights, &too_much, Verb::Sync, "dev"));
    assert!(!may(&rights, &token(&["admins"], &[]), Verb::Get, "dev"), "a token for nothing can do nothing");
    for resource in NOT_BY_TOKEN {
        let object = Object::Own { resource, control_plane: None, name: "*" };
        assert!(!rights.allows(&token(&["admins"], &["*, *, *"]), Verb::Get, &object), "{resource}");
        assert!(rights.allows(&person(&["admins"]), Verb::Get, &object), "{resource}");
    }
}

#[test]
fn what_concerns_all_control_planes_all_have_to_allow() {
    let one = rights(ARGO_CD, OWN);
    let two =
        one.with_argo_cd("other", &data("")).and_then(|it| it.with_own("other", data(""))).expect("good");
    let everything = Object::Own { resource: "audit", control_plane: None, name: "*" };
    assert!(one.allows(&person(&["admins"]), Verb::Get, &everything));
    assert!(!two.allows(&person(&["admins"]), Verb::Get, &everything));
}

#[test]
fn a_missing_right_is_named_with_those_who_have_it() {
    let rights = rights(ARGO_CD, OWN);
    let id =
        ApplicationId { control_plane: PLANE.into(), namespace: "argocd".into(), name: "web-prod".into() };
    let prod = Object::Application {
        id: &id,
        project: "shop",
        environment: Some("prod"),
        app: "web",
        home: "argocd",
    };
    let missing = rights.missing(&person(&["devops-team"]), Verb::Sync, &prod).expect("lacks it");
    assert_eq!(
        missing,
        "You lack the right applications, sync on prod/shop/web. It is held by admin, admins, release-managers."
    );
    assert_eq!(rights.missing(&person(&["release-managers"]), Verb::Sync, &prod), None);
}

#[test]
fn a_broken_policy_changes_nothing() {
    let rights = rights(ARGO_CD, OWN);
    assert_eq!(rights.with_argo_cd(PLANE, &data("p, x")).expect_err("broken").number, 1);
    assert_eq!(rights.with_own(PLANE, data("\ng, x")).expect_err("broken").number, 2);
}

#[test]
fn without_lines_for_them_who_may_sync_and_update_the_target_may_promote_and_roll_back() {
    let argo_cd = "p, role:both, applications, *, shop/*, allow\np, role:half, applications, get, shop/*, allow\n\
                   p, role:half, applications, sync, shop/*, allow\ng, both, role:both\ng, half, role:half";
    let rights = rights(argo_cd, "");
    for verb in [Verb::Promote, Verb::RollBack] {
        assert!(may(&rights, &person(&["both"]), verb, "prod"));
        assert!(matches!(
            on_application(&rights, &person(&["half"]), verb, "prod"),
            Err(AppError::Forbidden { .. })
        ));
    }
}

#[test]
fn lines_for_promotions_and_rollbacks_decide_alone_each_for_its_own() {
    let argo_cd = "p, role:devs, applications, *, */*, allow\ng, devs, role:devs\ng, managers, role:managers";
    let own = "p, role:devs, promotions, create, staging/*/*, allow\n\
               p, role:managers, promotions, create, prod/*/*, allow";
    let rights = rights(argo_cd, own);
    assert!(may(&rights, &person(&["devs"]), Verb::Promote, "staging"));
    assert!(!may(&rights, &person(&["devs"]), Verb::Promote, "prod"));
    assert!(may(&rights, &person(&["managers"]), Verb::Promote, "prod"));
    assert!(may(&rights, &person(&["devs"]), Verb::RollBack, "prod"), "no line speaks of rollbacks");
    let scoped = token(&["devs"], &["promotions, create, staging/shop/other"]);
    assert!(!may(&rights, &scoped, Verb::Promote, "staging"), "a token does what it was made for alone");
}

const GATES: [Verb; 4] = [Verb::Approve, Verb::CancelChange, Verb::PlaceHold, Verb::ReleaseHold];

#[test]
fn without_lines_for_them_only_administrators_approve_cancel_and_hold() {
    let argo_cd = "p, role:devs, applications, *, */*, allow\ng, devs, role:devs\ng, admins, role:admin";
    let rights = rights(argo_cd, "p, role:devs, rollbacks, create, */*/*, allow");
    for verb in GATES {
        assert!(matches!(
            on_application(&rights, &person(&["devs"]), verb, "prod"),
            Err(AppError::Forbidden { .. })
        ));
        assert!(may(&rights, &person(&["admins"]), verb, "prod"), "{verb}");
    }
}

#[test]
fn approvals_holds_and_cancelling_go_by_lines_of_ours_for_the_environment() {
    let argo_cd = "p, role:devs, applications, get, */*, allow\np, role:managers, applications, get, */*, allow\n\
                   g, devs, role:devs\ng, managers, role:managers";
    let own = "p, role:managers, approvals, create, prod/*/*, allow\np, role:managers, promotions, cancel, prod/*/*, allow\n\
               p, role:devs, holds, create, staging/shop/*, allow\np, role:managers, holds, *, */*/*, allow";
    let rights = rights(argo_cd, own);
    let (devs, managers) = (person(&["devs"]), person(&["managers"]));
    assert!(may(&rights, &managers, Verb::Approve, "prod") && !may(&rights, &managers, Verb::Approve, "dev"));
    assert!(may(&rights, &managers, Verb::CancelChange, "prod"));
    assert!(!may(&rights, &managers, Verb::Promote, "prod"), "a line to cancel is none to promote");
    assert!(may(&rights, &devs, Verb::PlaceHold, "staging") && !may(&rights, &devs, Verb::PlaceHold, "prod"));
    assert!(!may(&rights, &devs, Verb::ReleaseHold, "staging"), "who places is not who releases");
    assert!(may(&rights, &managers, Verb::ReleaseHold, "staging"));
    let id =
        ApplicationId { control_plane: PLANE.into(), namespace: "argocd".into(), name: "web-staging".into() };
    let staging = Object::Application {
        id: &id,
        project: "shop",
        environment: Some("staging"),
        app: "web",
        home: "argocd",
    };
    assert_eq!(rights.lacks(&devs, Verb::ReleaseHold, &staging).as_deref(), Some("needs holds/release"));
}

#[test]
fn r12_no_token_approves_whatever_its_scope() {
    let argo_cd = "p, role:managers, applications, get, */*, allow\ng, managers, role:managers";
    let rights = rights(argo_cd, "p, role:managers, *, *, */*/*, allow");
    assert!(may(&rights, &person(&["managers"]), Verb::Approve, "prod"));
    assert!(!may(&rights, &token(&["managers"], &["*, *, *"]), Verb::Approve, "prod"));
    assert!(may(&rights, &token(&["managers"], &["*, *, *"]), Verb::PlaceHold, "prod"), "but it may hold");
}

#[test]
fn a_freeze_needs_the_right_on_all_that_it_stops() {
    let argo_cd = "g, managers, role:managers\ng, admins, role:admin";
    let own =
        "p, role:managers, freezes, *, prod/shop/*, allow\np, role:managers, freezes, get, */*/*, allow";
    let rights = rights(argo_cd, own);
    let freeze = |name| Object::Own { resource: "freezes", control_plane: None, name };
    let manager = person(&["managers"]);
    for verb in [Verb::Create, Verb::Delete] {
        assert!(rights.allows(&manager, verb, &freeze("prod/shop/*")));
        for wider in ["prod/*/*", "*/shop/*", "*/*/*", "prod/bank/*"] {
            assert!(!rights.allows(&manager, verb, &freeze(wider)), "{verb} {wider}");
            assert!(rights.allows(&person(&["admins"]), verb, &freeze(wider)), "{verb} {wider}");
        }
    }
    let denied = rights.authorize(&manager, Verb::Create, &freeze("prod/*/*")).expect_err("is denied");
    assert_eq!(
        denied.to_string(),
        "You may not create freezes of prod/*/*. Ask an administrator for that right."
    );
}
