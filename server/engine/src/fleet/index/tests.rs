//! The index and its views, fed with objects as Argo CD writes them.

use model::{
    Actor,
    actor::ActorKind,
    application::{ListApplications, SortBy},
};
use serde_json::{Value, json};

use super::*;
use crate::fleet::{
    credentials::{AccessSettings, Registration},
    view,
};

const NOW: Timestamp = Timestamp(1_800_000_000_000);

struct Fleet {
    index: Index,
    indexer: Indexer,
}

impl Fleet {
    fn new() -> Self {
        let plane = Plane {
            freshness: Freshness::Live,
            namespace: "argocd".into(),
            server: "https://mgmt".into(),
            listed: false,
        };
        let (index, indexer) = Index::new(
            [("lab".to_owned(), plane)],
            Environments::default(),
            AppRules::default(),
            Metrics::default(),
        );
        let mut fleet = Self { index, indexer };
        let registration = |name: &str| Registration {
            name: name.into(),
            server: format!("https://{name}"),
            ..Registration::in_cluster("lab", &AccessSettings::default())
        };
        let registrations = ["dev", "staging", "prod"].map(registration).to_vec();
        fleet.tell([Change::Clusters { plane: "lab".into(), registrations }]);
        for name in ["dev", "staging", "prod"] {
            fleet.contact(
                name,
                Contact::Answered { version: "v1.36.3".into(), latency: Duration::from_millis(9) },
            );
        }
        fleet
    }

    fn tell(&mut self, changes: impl IntoIterator<Item = Change>) -> Vec<Observation> {
        self.indexer.apply(changes, NOW)
    }

    fn contact(&mut self, cluster: &str, contact: Contact) {
        let cluster = ClusterId { control_plane: "lab".into(), name: cluster.into() };
        self.tell([Change::Contact { cluster, contact }]);
    }

    fn put(&mut self, object: Value) -> Vec<Observation> {
        let application = serde_json::from_value(object).expect("an Application");
        self.tell([Change::Application { plane: "lab".into(), application: Box::new(application) }])
    }

    fn list(&self, query: &ListApplications) -> model::application::ApplicationList {
        view::application_list(&self.index.load(), query, NOW)
    }
}

fn id(name: &str) -> ApplicationId {
    ApplicationId { control_plane: "lab".into(), namespace: "argocd".into(), name: name.into() }
}

fn application(name: &str, environment: &str, health: &str, sync: &str) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
        "metadata": {"name": name, "namespace": "argocd", "uid": format!("uid-{name}"), "resourceVersion": "1"},
        "spec": {
            "project": "shop",
            "source": {"repoURL": "https://git.test/fleet", "path": format!("apps/web/overlays/{environment}"), "targetRevision": "main"},
            "destination": {"name": environment, "namespace": "web"}
        },
        "status": {
            "health": {"status": health, "lastTransitionTime": "2026-11-23T10:00:00Z"},
            "sync": {"status": sync, "revision": "0123456789abcdef"},
            "summary": {"images": ["registry.test/shop/web:1.4.2"]}
        }
    })
}

#[test]
fn a_row_knows_its_environment_app_cluster_and_version() {
    let mut fleet = Fleet::new();
    fleet.put(application("web-prod", "prod", "Healthy", "Synced"));
    let list = fleet.list(&ListApplications::default());
    let row = &list.rows[0];
    assert_eq!(
        (row.app.as_str(), row.cluster.as_str(), row.version.as_deref()),
        ("web", "prod", Some("1.4.2"))
    );
    assert!(row.environment.is_protected());
    assert!(row.freshness.is_live());
    assert_eq!(row.reason, "");
}

#[test]
fn a_destination_by_server_is_named_once_its_secret_is_known() {
    let mut fleet = Fleet::new();
    let mut object = application("web", "prod", "Healthy", "Synced");
    object["spec"]["destination"] = json!({"server": "https://late", "namespace": "web"});
    fleet.put(object);
    assert_eq!(fleet.list(&ListApplications::default()).rows[0].cluster, "https://late");
    let late = Registration {
        name: "prod-late".into(),
        server: "https://late".into(),
        ..Registration::in_cluster("lab", &AccessSettings::default())
    };
    fleet.tell([Change::Clusters { plane: "lab".into(), registrations: vec![late] }]);
    let row = fleet.list(&ListApplications::default()).rows.remove(0);
    assert_eq!((row.cluster.as_str(), row.environment.name()), ("prod-late", Some("prod")));
}

#[test]
fn an_application_of_a_dead_cluster_is_never_counted_healthy() {
    let mut fleet = Fleet::new();
    fleet.put(application("web-prod", "prod", "Healthy", "Synced"));
    fleet.put(application("web-dev", "dev", "Healthy", "Synced"));
    for again in [false, true] {
        fleet.contact("prod", Contact::Failed { why: "no answer within 3 s".into(), again });
        let snapshot = fleet.index.load();
        let overview = view::overview(&snapshot, Vec::new(), NOW);
        assert_eq!(overview.counts.stale, 1);
        let healthy =
            overview.counts.health.iter().find(|(health, _)| *health == Health::Healthy).map(|it| it.1);
        assert_eq!(healthy, Some(1));
        let row = snapshot.row(&id("web-prod")).expect("a row");
        assert_eq!(view::reason(&snapshot, row, NOW), "Cluster prod does not answer: no answer within 3 s");
        assert_eq!(overview.counts.unreachable_clusters, u32::from(again));
    }
    fleet.contact("prod", Contact::Answered { version: "v1.36.3".into(), latency: Duration::ZERO });
    let snapshot = fleet.index.load();
    assert_eq!(view::overview(&snapshot, Vec::new(), NOW).counts.stale, 0);
}

#[test]
fn a_control_plane_that_does_not_answer_makes_all_of_it_stale() {
    let mut fleet = Fleet::new();
    fleet.put(application("web-dev", "dev", "Healthy", "Synced"));
    let freshness = Freshness::Unreachable { since: NOW, why: "connection refused".into() };
    fleet.tell([Change::Plane { plane: "lab".into(), freshness }]);
    let list = fleet.list(&ListApplications::default());
    assert_eq!(list.rows[0].reason, "Control plane lab does not answer: connection refused");
    assert_eq!(list.facets.health.iter().find(|it| it.value == view::STALE).map(|it| it.count), Some(1));
}

#[test]
fn what_is_listed_no_more_is_gone_and_malformed_objects_are_told() {
    let mut fleet = Fleet::new();
    fleet.put(application("old", "dev", "Healthy", "Synced"));
    fleet.put(application("new", "dev", "Healthy", "Synced"));
    let invalid = |name: &str| Change::Invalid {
        plane: "lab".into(),
        namespace: "argocd".into(),
        name: name.into(),
        why: "spec.destination: invalid type".into(),
    };
    fleet.tell([invalid("broken"), invalid("new")]);
    let warnings = fleet.list(&ListApplications::default()).warnings;
    assert_eq!(warnings.len(), 2);
    assert!(warnings[0].what.contains("argocd/broken") && warnings[0].why.contains("spec.destination"));
    let present = HashSet::from([("argocd".to_owned(), "new".to_owned())]);
    fleet.tell([Change::ApplicationsListed { plane: "lab".into(), present }]);
    let list = fleet.list(&ListApplications::default());
    assert_eq!(list.rows.iter().map(|row| row.id.name.as_str()).collect::<Vec<_>>(), ["new"]);
    assert_eq!(list.warnings.len(), 1);
    fleet.put(application("new", "dev", "Healthy", "Synced"));
    assert!(fleet.list(&ListApplications::default()).warnings.is_empty(), "a mended object is no warning");
}

#[test]
fn history_is_told_each_change_once() {
    let mut fleet = Fleet::new();
    let object = application("web-dev", "dev", "Healthy", "Synced");
    assert_eq!(fleet.put(object.clone()).len(), 1, "the first sight");
    let mut same = object.clone();
    same["metadata"]["resourceVersion"] = json!("2");
    same["status"]["reconciledAt"] = json!("2026-11-23T11:00:00Z");
    assert!(fleet.put(same).is_empty(), "a refresh that changes nothing is no news");
    let mut drifted = object;
    drifted["status"]["sync"]["status"] = json!("OutOfSync");
    let seen = fleet.put(drifted);
    assert_eq!((seen.len(), seen[0].sync), (1, Sync::OutOfSync));
    let changed = fleet.list(&ListApplications::default()).rows[0].changed_at;
    assert_eq!(changed, Some(NOW));
}

#[test]
fn an_operation_that_nobody_picks_up_says_so_after_a_while() {
    let mut fleet = Fleet::new();
    let mut object = application("web-dev", "dev", "Healthy", "Synced");
    object["operation"] = json!({"info": [{"name": "quarterdeck-audit-id", "value": "x"}], "sync": {}});
    fleet.put(object);
    let reason = |seconds| {
        let snapshot = fleet.index.load();
        let row = snapshot.row(&id("web-dev")).expect("a row");
        view::reason(&snapshot, row, NOW.plus_seconds(seconds))
    };
    assert_eq!(reason(20), "");
    assert!(reason(31).contains("did not pick this up in 30 s"), "{}", reason(31));
}

#[test]
fn filters_combine_and_facets_count_after_the_others() {
    let mut fleet = Fleet::new();
    fleet.put(application("web-dev", "dev", "Healthy", "Synced"));
    fleet.put(application("web-prod", "prod", "Degraded", "Synced"));
    fleet.put(application("api-prod", "prod", "Healthy", "OutOfSync"));
    let query = ListApplications {
        health: vec!["Degraded".into()],
        environment: vec!["prod".into()],
        ..ListApplications::default()
    };
    let list = fleet.list(&query);
    assert_eq!((list.matching, list.total), (1, 3));
    let count = |facet: &[model::application::FacetValue], value: &str| {
        facet.iter().find(|it| it.value == value).map_or(0, |it| it.count)
    };
    assert_eq!(count(&list.facets.health, "Healthy"), 1, "api-prod, in spite of the health filter itself");
    assert_eq!(count(&list.facets.environment, "dev"), 0, "web-dev is not Degraded");
    assert_eq!(count(&list.facets.environment, "prod"), 1);
    let text =
        |q: &str| fleet.list(&ListApplications { q: q.into(), ..ListApplications::default() }).matching;
    assert_eq!((text("WEB"), text("web prod"), text("1.4.2"), text("nosuch")), (3, 2, 3, 0));
}

#[test]
fn the_worst_comes_first_and_prod_before_others() {
    let mut fleet = Fleet::new();
    fleet.put(application("a-dev", "dev", "Healthy", "Synced"));
    fleet.put(application("b-dev", "dev", "Degraded", "Synced"));
    fleet.put(application("c-prod", "prod", "Degraded", "Synced"));
    fleet.put(application("d-prod", "prod", "Progressing", "Synced"));
    let names = |sort, reverse| -> Vec<String> {
        let query = ListApplications { sort, reverse, ..ListApplications::default() };
        fleet.list(&query).rows.into_iter().map(|row| row.id.name).collect()
    };
    assert_eq!(names(SortBy::Worst, false), ["c-prod", "b-dev", "d-prod", "a-dev"]);
    assert_eq!(names(SortBy::Name, true), ["d-prod", "c-prod", "b-dev", "a-dev"]);
}

#[test]
fn pages_stay_within_what_there_is() {
    let mut fleet = Fleet::new();
    for number in 0..25 {
        fleet.put(application(&format!("app-{number:02}"), "dev", "Healthy", "Synced"));
    }
    let page = |page, per_page| {
        let list = fleet.list(&ListApplications {
            page,
            per_page,
            sort: SortBy::Name,
            ..ListApplications::default()
        });
        (list.page, list.rows.len())
    };
    assert_eq!(page(0, 10), (1, 10));
    assert_eq!(page(3, 10), (3, 5));
    assert_eq!(page(99, 10), (3, 5), "a page beyond the last is the last");
    assert_eq!(page(1, 1), (1, 10), "at least ten rows");
}

/// Shapes that newer versions of Argo CD write (3.3 to 3.5): nullable booleans, the hydrator, new fields and words.
#[test]
fn objects_of_newer_versions_are_read() {
    let mut fleet = Fleet::new();
    let mut hydrated = application("hydrated", "dev", "Healthy", "Synced");
    hydrated["spec"]["source"] = Value::Null;
    hydrated["spec"]["sourceHydrator"] = json!({
        "drySource": {"repoURL": "https://git.test/dry", "targetRevision": "main", "path": "apps/web", "helm": {"releaseName": "x"}},
        "syncSource": {"targetBranch": "env/prod", "path": "rendered/web/prod", "repoURL": "https://git.test/wet"}
    });
    hydrated["spec"]["destination"] = json!({"name": "prod", "namespace": "web"});
    hydrated["status"]["sourceHydrator"] =
        json!({"lastComparedDryRevision": "abc", "currentOperation": {"phase": "Hydrated"}});
    fleet.put(hydrated);
    let mut several = application("several", "dev", "Healthy", "Synced");
    several["spec"]["source"] = Value::Null;
    several["spec"]["sources"] = json!([
        {"repoURL": "https://git.test/values", "ref": "values", "targetRevision": "main"},
        {"repoURL": "https://charts.test", "chart": "web", "targetRevision": "2.1.0", "tagPrefix": "v"}
    ]);
    several["status"]["sync"] = json!({"status": "Synced", "revisions": ["aaa", "2.1.0"]});
    several["status"]["operationState"] =
        json!({"phase": "Succeeded", "syncResult": {"revisions": ["bbb", "2.0.0"]}});
    several["spec"]["syncPolicy"] =
        json!({"automated": {"enabled": false, "prune": null, "selfHeal": null, "allowEmpty": null}});
    several["status"]["conditions"] = Value::Null;
    several["status"]["resources"] = Value::Null;
    several["status"]["summary"] = json!({"images": null, "isAppOfApps": true});
    fleet.put(several);
    let mut odd = application("odd", "dev", "Hibernating", "Drifting");
    odd["status"]["operationState"] =
        json!({"phase": "Pondering", "operation": null, "startedAt": "2026-11-23T10:00:00Z"});
    fleet.put(odd);

    let snapshot = fleet.index.load();
    let row = |name| snapshot.row(&id(name)).expect("a row").clone();
    assert_eq!((row("hydrated").environment.name(), row("hydrated").app.as_str()), (Some("prod"), "web"));
    assert!(!row("several").auto_sync, "automated, but not enabled");
    let several = row("several");
    let synced_to = several.operation.as_ref().and_then(|it| it.revision.as_deref());
    assert_eq!(
        (several.revision.as_deref(), synced_to),
        (Some("2.1.0"), Some("2.0.0")),
        "of the source that is applied"
    );
    assert_eq!((row("odd").health, row("odd").sync), (Health::Unknown, Sync::Unknown));
    assert!(row("odd").operation.is_none(), "a phase that is not known is not guessed");
}

#[test]
fn global_projects_lend_their_windows() {
    let mut fleet = Fleet::new();
    let project = |name: &str, labels: Value, windows: Value| -> AppProject {
        serde_json::from_value(
            json!({"metadata": {"name": name, "labels": labels}, "spec": {"syncWindows": windows}}),
        )
        .expect("a project")
    };
    let deny = json!([{"kind": "deny", "schedule": "* * * * *", "duration": "1h", "applications": ["*"]}]);
    fleet.tell([
        Change::Projects {
            plane: "lab".into(),
            projects: vec![project("shop", json!({"tier": "web"}), json!([])), project("global", json!({}), deny)],
        },
        Change::GlobalProjects {
            plane: "lab".into(),
            globals: serde_json::from_value(json!([
                {"projectName": "global", "labelSelector": {"matchExpressions": [{"key": "tier", "operator": "In", "values": ["web"]}]}}
            ]))
            .expect("global projects"),
        },
    ]);
    fleet.put(application("web-dev", "dev", "Healthy", "Synced"));
    let snapshot = fleet.index.load();
    let row = snapshot.row(&id("web-dev")).expect("a row");
    let verdict = snapshot.window_verdict(row).expect("a verdict");
    assert!(!verdict.allowed && verdict.why.contains("project global"), "{}", verdict.why);
}

#[test]
fn versions_are_tags_else_digests() {
    assert_eq!(version_of("registry.test:5000/shop/web:1.4.2"), "1.4.2");
    assert_eq!(version_of("registry.test/web:1.4.2@sha256:0123456789abcdef"), "1.4.2");
    assert_eq!(version_of("registry.test/web@sha256:0123456789abcdef"), "0123456789ab");
    assert_eq!(version_of("registry.test:5000/web"), "latest");
}

#[test]
fn the_version_is_that_of_the_image_named_like_the_app() {
    let images =
        ["registry.test/shop/postgres:16.4".to_owned(), "registry.test:5000/shop/search:2.11.0".to_owned()];
    assert_eq!(version_among(&images, "search").as_deref(), Some("2.11.0"));
    assert_eq!(version_among(&images, "finder").as_deref(), Some("16.4"), "else of the first");
    assert_eq!(
        version_among(&["search@sha256:0123456789abcdef".to_owned()], "search").as_deref(),
        Some("0123456789ab")
    );
    assert_eq!(version_among(&[], "search"), None);
    assert!(!has_several(&images, "search"));
    let rolling = ["shop/search:2.11.0".to_owned(), "shop/search:2.12.0".to_owned()];
    assert!(has_several(&rolling, "search"), "the old pods run until the new ones are ready");
}

#[test]
fn warnings_of_a_kind_take_the_place_of_the_last_ones() {
    let mut fleet = Fleet::new();
    let warnings = |kind, names: &[&str]| Change::Warnings {
        plane: "lab".into(),
        kind,
        warnings: names.iter().map(|name| (name.to_string(), "a sentence".to_owned())).collect(),
    };
    fleet.tell([warnings("AppProject", &["shop", "media"]), warnings("ConfigMap", &["argocd-cm"])]);
    fleet.tell([warnings("AppProject", &["media"])]);
    let shown = fleet.list(&ListApplications::default()).warnings;
    let what: Vec<_> = shown.iter().map(|it| it.what.as_str()).collect();
    let project = "AppProject argocd/media in control plane lab";
    assert_eq!(what, [project, "ConfigMap argocd/argocd-cm in control plane lab"]);
}

/// A person of these groups, or a token of theirs with this scope.
fn person(groups: &[&str], scopes: &[&str]) -> Actor {
    let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    Actor {
        name: "ann".into(),
        subject: "u-ann".into(),
        kind: if scopes.is_empty() { ActorKind::Person } else { ActorKind::Token },
        groups: texts(groups),
        session: None,
        scopes: texts(scopes),
        request_id: "r".into(),
        address: None,
    }
}

/// A fleet with one app in three environments, where `devs` see dev alone, and `admins` everything.
fn fleet_with_roles() -> Fleet {
    let mut fleet = Fleet::new();
    for environment in ["dev", "staging", "prod"] {
        fleet.put(application(&format!("web-{environment}"), environment, "Degraded", "OutOfSync"));
    }
    let data = |text: &str| Data::from([("policy.csv".to_owned(), text.to_owned())]);
    let argo_cd =
        data("g, admins, role:admin\ng, devs, role:devs\np, role:devs, applications, get, */*, allow");
    let own = data("p, role:devs, applications, get, dev/*/*, allow");
    fleet.tell([
        Change::ArgoCdPolicy { plane: "lab".into(), data: argo_cd },
        Change::OwnPolicy { plane: "lab".into(), data: own },
        Change::Invalid {
            plane: "lab".into(),
            namespace: "argocd".into(),
            name: "x".into(),
            why: "odd".into(),
        },
    ]);
    fleet
}

#[test]
fn nobody_sees_or_counts_what_they_have_no_right_to() {
    let fleet = fleet_with_roles();
    let snapshot = fleet.index.load();
    for (actor, rows, clusters, warnings, planes) in [
        (person(&["admins"], &[]), 3, 3, 1, 1),
        (person(&["devs"], &[]), 1, 0, 0, 1),
        (person(&["devs"], &["applications, get, prod/*"]), 0, 0, 0, 0),
        (person(&["admins"], &["applications, get, prod/*"]), 1, 0, 0, 1),
        (person(&["strangers"], &[]), 0, 0, 0, 0),
        (person(&[], &[]), 0, 0, 0, 0),
    ] {
        let seen = snapshot.seen_by(&actor);
        let list = view::application_list(&seen, &ListApplications::default(), NOW);
        let overview = view::overview(&seen, Vec::new(), NOW);
        assert_eq!((list.total, list.matching, list.rows.len()), (rows, rows, rows as usize), "{actor:?}");
        let counted: u32 = list.facets.environment.iter().map(|facet| facet.count).sum();
        assert_eq!(
            (counted, overview.applications, overview.counts.out_of_sync),
            (rows, rows, rows),
            "{actor:?}"
        );
        assert_eq!(overview.clusters.len(), clusters, "{actor:?}");
        assert_eq!((list.warnings.len(), list.control_planes.len()), (warnings, planes), "{actor:?}");
    }
}

#[test]
fn what_may_be_seen_follows_the_policy_and_the_environment() {
    let mut fleet = fleet_with_roles();
    let devs = person(&["devs"], &[]);
    let seen = |fleet: &Fleet| {
        fleet.index.load().seen_by(&devs).rows.iter().map(|row| row.id.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(seen(&fleet), ["web-dev"]);
    // Its destination goes to prod: the name alone gives no right.
    fleet.put(application("web-dev", "prod", "Healthy", "Synced"));
    assert_eq!(seen(&fleet), Vec::<String>::new());
    let own = Data::from([(
        "policy.csv".to_owned(),
        "p, role:devs, applications, get, prod/*/*, allow".to_owned(),
    )]);
    fleet.tell([Change::OwnPolicy { plane: "lab".into(), data: own }]);
    assert_eq!(seen(&fleet), ["web-dev", "web-prod"]);
}

#[test]
fn a_broken_policy_leaves_the_last_good_one_in_force_and_is_told() {
    let mut fleet = fleet_with_roles();
    let devs = person(&["devs"], &[]);
    let data = |text: &str| Data::from([("policy.csv".to_owned(), text.to_owned())]);
    fleet.tell([Change::ArgoCdPolicy { plane: "lab".into(), data: data("p, role:devs, applications\n") }]);
    let snapshot = fleet.index.load();
    assert_eq!(snapshot.seen_by(&devs).rows.len(), 1);
    let warning = snapshot.warnings.iter().find(|it| it.what.contains("argocd-rbac-cm")).expect("a warning");
    assert!(warning.why.contains("policy.csv, line 1: a p line has 6 fields"), "{}", warning.why);
    fleet.tell([Change::ArgoCdPolicy { plane: "lab".into(), data: data("") }]);
    let snapshot = fleet.index.load();
    assert!(!snapshot.warnings.iter().any(|it| it.what.contains("argocd-rbac-cm")));
    assert_eq!(snapshot.seen_by(&devs).rows.len(), 0);
}

#[test]
fn a_cursor_goes_through_all_rows_once_whatever_comes_meanwhile() {
    let mut fleet = Fleet::new();
    for number in 10..40 {
        fleet.put(application(&format!("app-{number}"), "dev", "Healthy", "Synced"));
    }
    let mut seen = Vec::new();
    let mut cursor = "start".to_owned();
    loop {
        let list = fleet.list(&ListApplications { cursor, per_page: 12, ..Default::default() });
        seen.extend(list.rows.into_iter().map(|row| row.id.name));
        // What comes before the place is not seen, and moves nothing.
        fleet.put(application(&format!("aaa-{}", seen.len()), "dev", "Healthy", "Synced"));
        let Some(next) = list.next_cursor else { break };
        cursor = next;
    }
    let expected: Vec<_> = (10..40).map(|number| format!("app-{number}")).collect();
    assert_eq!(seen, expected);
}

mod matrix;
