//! Plans for a fleet: a real repository behind a real mirror, PostgreSQL, and Applications as Argo CD writes them. R1 to
//! R13 are the rules of promotion.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use engine::{
    Error,
    audit::Denials,
    db::Db,
    fleet::{
        apps::AppRules,
        clients::Clients,
        credentials::{AccessSettings, Registration},
        detail::Details,
        environment::Environments,
        index::{Change, Index, Indexer, Plane},
        probe::Contact,
    },
    gates::Gates,
    git::{
        layout::What,
        mirror::{CredentialSource, Credentials, MirrorSettings, Mirrors, Repo},
        plan::Expected,
        rules::Rules,
    },
    metrics::Metrics,
    plans::{MAX_AGE, Planner},
    render::{self, Mask, Renderer},
    repositories::Repositories,
    tasks::Tasks,
};
use futures::future::BoxFuture;
use git2::{Oid, Repository, Signature, Time, build::TreeUpdateBuilder};
use model::{
    Actor, AppError, Timestamp,
    actor::ActorKind,
    apps::CellId,
    plan::{
        AskPlan, AskPromotion, AskRollback, AskUndo, PlanDetail, PlanKind, Ran, RowOutcome, Standing,
        Verified,
    },
    status::Freshness,
};
use serde_json::json;

use crate::support::{admin, database};

const NOW: Timestamp = Timestamp(1_800_000_000_000);

/// Nobody needs credentials for a folder.
struct NoCredentials;

impl CredentialSource for NoCredentials {
    fn credentials<'a>(&'a self, _: &'a Repo) -> BoxFuture<'a, Result<Credentials, String>> {
        Box::pin(async { Ok(Credentials::default()) })
    }

    fn write_credentials<'a>(&'a self, _: &'a Repo) -> BoxFuture<'a, Result<Credentials, String>> {
        Box::pin(async { Ok(Credentials::default()) })
    }
}

/// A fleet with one repository.
pub(crate) struct House {
    pub(crate) db: Db,
    folder: PathBuf,
    remote: Repository,
    indexer: Indexer,
    pub(crate) planner: Planner,
    pub(crate) gates: Gates,
    tasks: Tasks,
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

pub(crate) fn kustomization(environment: &str, tag: &str) -> String {
    format!(
        "namespace: shop-{environment}\nresources: [../../base]\nimages:\n  - name: shop/web # moved by promotions\n    newTag: {tag:?}\n"
    )
}

pub(crate) fn overlay(app: &str, environment: &str) -> String {
    format!("apps/{app}/overlays/{environment}/kustomization.yaml")
}

impl House {
    /// Web in three environments: dev has 1.6.0, staging 1.5.0, prod 1.4.0.
    pub(crate) async fn new() -> Self {
        Self::asking(&Environments::default()).await
    }

    /// As [`House::new`], with environments that ask for something.
    pub(crate) async fn asking(environments: &Environments) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("plans-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        let remote = Repository::init_bare(folder.join("remote.git")).expect("a repository");
        remote.set_head("refs/heads/main").expect("sets the head");
        let db = database().await;
        let (metrics, tasks) = (Metrics::default(), Tasks::default());
        let plane = Plane {
            freshness: Freshness::Live,
            namespace: "argocd".into(),
            server: "https://mgmt".into(),
            listed: true,
        };
        let (order, words) = (environments.all(), environments.words());
        let (index, indexer) = Index::new(
            [("lab".to_owned(), plane)],
            Environments::default(),
            AppRules::default(),
            metrics.clone(),
        );
        let asked = environments.asked();
        let gates = Gates::new(db.clone(), index.clone(), Denials::default(), order.clone(), asked);
        // By a link, so that a test can take it away.
        let git = folder.join("git");
        std::os::unix::fs::symlink(program("git"), &git).expect("a link");
        let settings =
            MirrorSettings { allow_files: true, git, ..MirrorSettings::new(folder.join("mirrors")) };
        let mirrors =
            Mirrors::new(settings, std::sync::Arc::new(NoCredentials), metrics.clone(), tasks.clone());
        let rules = Rules { environments: words, ..Rules::default() };
        let repositories = Repositories::new(mirrors.expect("mirrors"), index.clone(), rules, order);
        let planner = Planner {
            db: db.clone(),
            index,
            details: Details::new(Clients::new(Default::default()), metrics.clone()),
            repositories,
            renderer: Renderer::new(render::Settings::default(), Mask::new([7; 32]), metrics)
                .expect("a renderer"),
            gates: gates.clone(),
            max_age: MAX_AGE,
        };
        let mut house = Self { db, folder, remote, indexer, planner, gates, tasks };
        house.commit(&[
            ("apps/web/base/kustomization.yaml", "resources: []\n"),
            (&overlay("web", "dev"), &kustomization("dev", "1.6.0")),
            (&overlay("web", "staging"), &kustomization("staging", "1.5.0")),
            (&overlay("web", "prod"), &kustomization("prod", "1.4.0")),
        ]);
        house.register();
        house.all_run_the_head(&["web"]);
        house
    }

    fn register(&mut self) {
        let registration = |name: &str| Registration {
            name: name.into(),
            server: format!("https://{name}"),
            ..Registration::in_cluster("lab", &AccessSettings::default())
        };
        let registrations = ["dev", "staging", "prod"].map(registration).to_vec();
        self.tell(Change::Clusters { plane: "lab".into(), registrations });
        for name in ["dev", "staging", "prod"] {
            let cluster = model::cluster::ClusterId { control_plane: "lab".into(), name: name.into() };
            let contact = Contact::Answered { version: "v1.36.3".into(), latency: Duration::from_millis(9) };
            self.tell(Change::Contact { cluster, contact });
        }
    }

    pub(crate) fn tell(&mut self, change: Change) {
        self.indexer.apply([change], NOW);
    }

    fn url(&self) -> String {
        format!("file://{}", self.folder.join("remote.git").display())
    }

    pub(crate) fn head(&self) -> Oid {
        self.remote.head().expect("a head").peel_to_commit().expect("a commit").id()
    }

    pub(crate) fn commit(&self, files: &[(&str, &str)]) -> Oid {
        self.commit_at(files, None)
    }

    fn commit_at(&self, files: &[(&str, &str)], seconds: Option<i64>) -> Oid {
        let git = &self.remote;
        let parent = git.head().ok().map(|head| head.peel_to_commit().expect("a commit"));
        let mut update = TreeUpdateBuilder::new();
        for (path, text) in files {
            update.upsert(*path, git.blob(text.as_bytes()).expect("a blob"), git2::FileMode::Blob);
        }
        let empty = || {
            git.find_tree(git.treebuilder(None).expect("a builder").write().expect("a tree")).expect("a tree")
        };
        let base = parent.as_ref().map_or_else(empty, |it| it.tree().expect("a tree"));
        let tree = git.find_tree(update.create_updated(git, &base).expect("a tree")).expect("a tree");
        let who = match seconds {
            Some(at) => Signature::new("erin", "erin@quarterdeck.test", &Time::new(at, 0)),
            None => Signature::now("erin", "erin@quarterdeck.test"),
        };
        let who = who.expect("a signature");
        let parents: Vec<_> = parent.iter().collect();
        git.commit(Some("refs/heads/main"), &who, &who, "Change", &tree, &parents).expect("commits")
    }

    /// An Application that Argo CD compared at a commit.
    pub(crate) fn runs(&mut self, app: &str, environment: &str, health: &str, sync: &str, revision: Oid) {
        let object = json!({
            "metadata": {"name": format!("{app}-{environment}"), "namespace": "argocd",
                "uid": format!("uid-{app}-{environment}"), "resourceVersion": "1"},
            "spec": {
                "project": "shop",
                "source": {"repoURL": self.url(), "path": format!("apps/{app}/overlays/{environment}"), "targetRevision": "main"},
                "destination": {"name": environment, "namespace": format!("shop-{environment}")}
            },
            "status": {
                "health": {"status": health, "lastTransitionTime": "2026-11-23T10:00:00Z"},
                "sync": {"status": sync, "revision": revision.to_string()},
                "summary": {"images": [format!("registry.test/{app}:1.0.0")]}
            }
        });
        let application = Box::new(serde_json::from_value(object).expect("an Application"));
        self.tell(Change::Application { plane: "lab".into(), application });
    }

    pub(crate) fn all_run_the_head(&mut self, apps: &[&str]) {
        let head = self.head();
        for app in apps {
            for environment in ["dev", "staging", "prod"] {
                self.runs(app, environment, "Healthy", "Synced", head);
            }
        }
    }

    /// Commits what somebody says in the message.
    pub(crate) fn commit_saying(&self, message: &str, files: &[(&str, &str)]) -> Oid {
        let git = &self.remote;
        let plain = self.commit(files);
        let commit = git.find_commit(plain).expect("a commit");
        let said = commit.amend(Some("refs/heads/main"), None, None, None, Some(message), None);
        said.expect("commits")
    }

    /// Keeps a change to staging as the lists of changes have it: with its commit, where it is pushed, and the tags that
    /// it wrote by app.
    async fn has_changed(&self, commit: Option<Oid>, tags: &[(&str, &str)]) -> u64 {
        let id: i64 = sqlx::query_scalar(
            "INSERT INTO changes (token, kind, state, title, plan_hash, ask, plan, touched, findings, source, environment,
                 repository, revision, reader, base, commit, actor, actor_name, reason, quorum, soak_seconds, hold_for, pushed_at)
             VALUES (gen_random_uuid(), 'promote', 'queued', 'Promote', 'x', '{}', '{}', '{}', '[]', 'dev', 'staging',
                 $1, 'main', '{}', 'x', $2, '{}', 'erin', '', 0, 0, 'none', CASE WHEN $2 IS NOT NULL THEN now() END)
             RETURNING id",
        )
        .bind(self.url())
        .bind(commit.map(|it| it.to_string()))
        .fetch_one(self.db.pool())
        .await
        .expect("keeps a change");
        for (position, (app, tag)) in tags.iter().enumerate() {
            let rows = &self.planner.index.load().rows;
            let key = rows.iter().find(|row| row.identity.name == *app).expect(app).identity.key.to_string();
            let values = [("images[name=shop/web].newTag".to_owned(), Some(format!("{tag:?}")))].into();
            let wrote = vec![Expected { file: overlay(app, "staging"), what: What::Images, values }];
            sqlx::query(
                "INSERT INTO change_apps (change, position, app_key, base_path, name, slug, app, project, expected, key)
                 VALUES ($1, $2, $3, $4, $5, $5, $5, 'shop', $6, $7)",
            )
            .bind(id)
            .bind(i32::try_from(position).expect("few"))
            .bind(key)
            .bind(format!("apps/{app}"))
            .bind(app)
            .bind(sqlx::types::Json(wrote))
            .bind(format!("{id} {app}"))
            .execute(self.db.pool())
            .await
            .expect("keeps an app of a change");
        }
        u64::try_from(id).expect("a number")
    }

    async fn undo(&self, change: u64) -> Result<PlanDetail, AppError> {
        let ask = AskPlan::Undo(AskUndo { change });
        self.planner.make_and_keep(&admin(), ask).await.map_err(answer)
    }

    /// Web and api, both brought from 1.5.0 to 1.6.0 in staging by one change.
    async fn with_two_promoted() -> (Self, u64, Oid) {
        let mut house = Self::new().await;
        for (environment, tag) in [("dev", "1.6.0"), ("staging", "1.5.0"), ("prod", "1.4.0")] {
            house.commit(&[(&overlay("api", environment), &kustomization(environment, tag))]);
        }
        let before = house.head();
        let promoted = kustomization("staging", "1.6.0");
        let commit =
            house.commit(&[(&overlay("web", "staging"), &promoted), (&overlay("api", "staging"), &promoted)]);
        house.all_run_the_head(&["web", "api"]);
        let change = house.has_changed(Some(commit), &[("web", "1.6.0"), ("api", "1.6.0")]).await;
        (house, change, before)
    }

    pub(crate) async fn promote(&self, apps: &[&str], from: &str, to: &str) -> PlanDetail {
        let ask = promotion(apps, from, to);
        self.planner.make_and_keep(&admin(), ask).await.expect("a plan")
    }
}

/// Where a program is, by `PATH`.
fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").expect("a PATH");
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|it| it.is_file()).expect(name)
}

pub(crate) fn promotion(apps: &[&str], from: &str, to: &str) -> AskPlan {
    AskPlan::Promote(AskPromotion {
        apps: apps.iter().map(ToString::to_string).collect(),
        from: from.into(),
        to: to.into(),
        ..AskPromotion::default()
    })
}

pub(crate) fn answer(error: Error) -> AppError {
    error.into_answer(&admin())
}

/// Fetched anew at each question, for tests do not wait until a mirror is old enough.
pub(crate) async fn fetched(house: &House) {
    let row = house.planner.index.load().rows[0].clone();
    house.planner.repositories.fresh(&row, Duration::ZERO).await.expect("fetches");
}

#[tokio::test]
async fn a_plan_takes_what_was_verified_and_says_what_it_reaches() {
    let house = House::new().await;
    let detail = house.promote(&["web"], "dev", "staging").await;
    let row = &detail.plan.rows[0];
    assert_eq!(row.outcome, RowOutcome::Moves, "{row:?}");
    assert_eq!((row.before.as_deref(), row.after.as_deref()), (Some("1.5.0"), Some("1.6.0")));
    assert!(matches!(row.verified, Verified::Healthy { .. }), "{:?}", row.verified);
    let touched: Vec<_> = detail.touched.applications.iter().map(|it| it.id.name.as_str()).collect();
    assert_eq!(touched, ["web-staging"]);
    assert!(detail.touched.applications[0].shares.is_none());
    assert_eq!(detail.standing, Standing::Valid);
    assert_eq!(detail.rendered.len(), 1, "an Application that cannot be read says why");
    assert!(detail.rendered[0].not_rendered.is_some());
}

#[tokio::test]
async fn r3_an_environment_that_is_not_well_gives_nothing_unless_asked_by_name() {
    let mut house = House::new().await;
    let head = house.head();
    house.runs("web", "dev", "Degraded", "Synced", head);
    let detail = house.promote(&["web"], "dev", "staging").await;
    let RowOutcome::Skipped { why } = &detail.plan.rows[0].outcome else { panic!("{:?}", detail.plan.rows) };
    assert!(why.starts_with("Not verified: Degraded in dev"), "{why}");
    assert!(detail.plan.files.is_empty());
    let AskPlan::Promote(ask) = promotion(&["web"], "dev", "staging") else { unreachable!() };
    let ask = AskPlan::Promote(AskPromotion { take_latest: vec!["web".into()], ..ask });
    let taken = house.planner.preview(&admin(), ask).await.expect("a plan");
    assert_eq!(taken.plan.rows[0].outcome, RowOutcome::Moves);
    assert!(matches!(taken.plan.rows[0].verified, Verified::Not { .. }), "it is said all the same");
}

#[tokio::test]
async fn r3_a_later_commit_is_offered_and_not_taken() {
    let house = House::new().await;
    let later = house.commit(&[(&overlay("web", "dev"), &kustomization("dev", "1.7.0"))]);
    fetched(&house).await;
    let detail = house.promote(&["web"], "dev", "staging").await;
    let row = &detail.plan.rows[0];
    assert_eq!(row.after.as_deref(), Some("1.6.0"), "what dev runs, not what it is asked to run");
    assert_eq!(row.later.as_ref().map(|it| it.id.clone()), Some(later.to_string()));
}

#[tokio::test]
async fn what_argo_cd_synced_after_the_last_fetch_is_fetched() {
    let mut house = House::new().await;
    fetched(&house).await;
    let pushed = house.commit(&[(&overlay("web", "dev"), &kustomization("dev", "1.7.0"))]);
    house.runs("web", "dev", "Healthy", "Synced", pushed);
    let detail = house.promote(&["web"], "dev", "staging").await;
    assert_eq!(detail.plan.rows[0].after.as_deref(), Some("1.7.0"));
}

#[tokio::test]
async fn a_commit_elsewhere_leaves_a_plan_valid_and_one_that_matters_makes_it_stale() {
    let house = House::new().await;
    let made = house.promote(&["web"], "dev", "staging").await;
    house.commit(&[("README.md", "elsewhere")]);
    fetched(&house).await;
    let again = house.planner.find(&admin(), &made.plan.hash).await.expect("is kept");
    assert_eq!(again.standing, Standing::Valid);
    house.commit(&[(&overlay("web", "staging"), &kustomization("staging", "1.5.5"))]);
    fetched(&house).await;
    let stale = house.planner.find(&admin(), &made.plan.hash).await.expect("is kept");
    let Standing::Stale { why } = stale.standing else { panic!("{:?}", stale.standing) };
    assert!(why.contains("web"), "{why}");
    assert_eq!(stale.plan, made.plan, "what was agreed on stays as it was");
}

#[tokio::test]
async fn asked_twice_it_is_one_plan_with_whoever_asked_first() {
    let house = House::new().await;
    let first = house.promote(&["web"], "dev", "staging").await;
    let other = Actor { name: "bob".into(), ..admin() };
    let second = house.planner.make_and_keep(&other, promotion(&["web"], "dev", "staging")).await;
    let second = second.expect("a plan");
    assert_eq!((second.plan.hash, second.asked_by.as_str()), (first.plan.hash, "admin"));
}

#[tokio::test]
async fn a_plan_names_its_apps_once_and_nothing_besides() {
    let house = House::new().await;
    let ask = AskPlan::Promote(AskPromotion {
        apps: vec!["web".into(), "web".into()],
        from: "dev".into(),
        to: "staging".into(),
        take_latest: vec!["other".into()],
        overwrite: vec!["other".into(), "web".into()],
    });
    let detail = house.planner.make_and_keep(&admin(), ask).await.expect("a plan");
    assert_eq!(detail.plan.rows.len(), 1);
    assert!(!detail.needs_reason, "nothing that is not verified is taken");
    let AskPlan::Promote(ask) = detail.ask else { panic!("{:?}", detail.ask) };
    assert_eq!((ask.apps, ask.overwrite, ask.take_latest.len()), (vec!["web".into()], vec!["web".into()], 0));
    let all = house.promote(&[], "dev", "staging").await;
    let AskPlan::Promote(ask) = all.ask else { panic!("{:?}", all.ask) };
    assert_eq!(ask.apps, ["web"], "what all are does not depend on who looks later");
}

#[tokio::test]
async fn what_is_equal_in_another_repository_is_another_plan() {
    let mut house = House::new().await;
    let copy = house.folder.join("copy.git");
    let copied =
        std::process::Command::new("cp").arg("-r").arg(house.folder.join("remote.git")).arg(&copy).status();
    assert!(copied.expect("copies").success());
    let head = house.head();
    for environment in ["dev", "staging", "prod"] {
        let object = json!({
            "metadata": {"name": format!("copy-{environment}"), "namespace": "argocd",
                "uid": format!("uid-copy-{environment}"), "resourceVersion": "1"},
            "spec": {
                "project": "shop",
                "source": {"repoURL": format!("file://{}", copy.display()),
                    "path": format!("apps/web/overlays/{environment}"), "targetRevision": "main"},
                "destination": {"name": environment, "namespace": format!("copy-{environment}")}
            },
            "status": {"health": {"status": "Healthy"}, "sync": {"status": "Synced", "revision": head.to_string()}}
        });
        let application = Box::new(serde_json::from_value(object).expect("an Application"));
        house.tell(Change::Application { plane: "lab".into(), application });
    }
    let snapshot = house.planner.index.load();
    let slug_of = |name: &str| {
        let row = snapshot.rows.iter().find(|row| row.id.name == name).expect("a row");
        snapshot.apps.slug_of(&row.identity.key).expect("a slug").to_owned()
    };
    let (one, other) = (slug_of("web-dev"), slug_of("copy-dev"));
    let one = house.promote(&[&one], "dev", "staging").await;
    let other = house.promote(&[&other], "dev", "staging").await;
    assert_eq!(one.plan.files, other.plan.files, "to the byte");
    assert_ne!(one.plan.hash, other.plan.hash);
    assert_ne!(one.plan.repository, other.plan.repository);
}

#[tokio::test]
async fn a_train_has_a_row_for_each_app_and_goes_on_without_those_that_cannot() {
    let mut house = House::new().await;
    house.commit(&[
        (&overlay("api", "dev"), &kustomization("dev", "2.1.0")),
        (&overlay("api", "staging"), &kustomization("staging", "2.1.0")),
        (&overlay("api", "prod"), &kustomization("prod", "2.0.0")),
        (&overlay("bad", "dev"), &kustomization("dev", "0.2.0")),
        (&overlay("bad", "staging"), "images: ["),
        (&overlay("bad", "prod"), &kustomization("prod", "0.1.0")),
        (&overlay("sick", "dev"), &kustomization("dev", "3.1.0")),
        (&overlay("sick", "staging"), &kustomization("staging", "3.0.0")),
        (&overlay("sick", "prod"), &kustomization("prod", "3.0.0")),
    ]);
    house.all_run_the_head(&["web", "api", "bad", "sick"]);
    let head = house.head();
    house.runs("sick", "dev", "Progressing", "Synced", head);
    let detail = house.promote(&[], "dev", "staging").await;
    let outcomes: Vec<_> =
        detail.plan.rows.iter().map(|row| (row.app.as_str(), row.outcome.clone())).collect();
    assert_eq!(outcomes.len(), 4, "{outcomes:?}");
    let of = |app: &str| outcomes.iter().find(|(name, _)| *name == app).map(|(_, it)| it.clone());
    assert_eq!(of("web"), Some(RowOutcome::Moves));
    assert_eq!(of("api"), Some(RowOutcome::NothingToDo));
    assert!(matches!(of("bad"), Some(RowOutcome::Skipped { why }) if why.contains("kustomization.yaml")));
    assert!(matches!(of("sick"), Some(RowOutcome::Skipped { why }) if why.contains("Progressing in dev")));
    assert_eq!(detail.plan.files.len(), 1);
}

#[tokio::test]
async fn r15_to_skip_an_environment_or_to_go_back_is_told() {
    let house = House::new().await;
    let skips = house.promote(&["web"], "dev", "prod").await;
    assert!(
        skips.plan.warnings.iter().any(|it| it.starts_with("This skips staging")),
        "{:?}",
        skips.plan.warnings
    );
    let back = house.promote(&["web"], "prod", "dev").await;
    assert!(back.plan.warnings.iter().any(|it| it.contains("against the order")), "{:?}", back.plan.warnings);
}

#[tokio::test]
async fn what_is_asked_for_and_not_there_is_told_by_name() {
    let house = House::new().await;
    for (ask, says) in [
        (promotion(&["wbe"], "dev", "staging"), "App wbe"),
        (promotion(&["web"], "dev", "qa"), "Environment qa"),
    ] {
        let error = answer(house.planner.preview(&admin(), ask).await.expect_err("is refused"));
        assert!(matches!(&error, AppError::NotFound { what } if what == says), "{error:?}");
    }
    let same = house.planner.preview(&admin(), promotion(&["web"], "dev", "dev")).await;
    assert!(matches!(answer(same.expect_err("is refused")), AppError::Invalid { .. }));
}

#[tokio::test]
async fn a10_who_may_not_see_an_app_learns_of_no_plan_with_it() {
    let mut house = House::new().await;
    let data = |text: &str| [("policy.csv".to_owned(), text.to_owned())].into_iter().collect();
    let own =
        "p, role:devs, applications, get, dev/*/*, allow\np, role:ops, applications, get, */*/*, allow\n";
    let argo_cd = "p, role:devs, applications, get, */*, allow\np, role:ops, applications, get, */*, allow\n\
                   g, devs, role:devs\ng, ops, role:ops\n";
    house.tell(Change::ArgoCdPolicy { plane: "lab".into(), data: data(argo_cd) });
    house.tell(Change::OwnPolicy { plane: "lab".into(), data: data(own) });
    let person = |group: &str| Actor {
        kind: ActorKind::Person,
        subject: format!("u-{group}"),
        groups: vec![group.into()],
        ..admin()
    };
    let made = house.promote(&["web"], "staging", "prod").await;
    let hidden = house.planner.find(&person("devs"), &made.plan.hash).await;
    assert!(matches!(answer(hidden.expect_err("is hidden")), AppError::NotFound { .. }));
    let asked = house.planner.preview(&person("devs"), promotion(&["web"], "staging", "prod")).await;
    assert!(matches!(answer(asked.expect_err("is hidden")), AppError::NotFound { .. }));
    // Who sees where it comes from, and not where it goes to.
    let first = house.promote(&["web"], "dev", "staging").await;
    let own =
        "p, role:devs, applications, get, dev/*/*, allow\np, role:ops, applications, get, */*/*, allow\n";
    house.tell(Change::OwnPolicy { plane: "lab".into(), data: data(own) });
    let half = house.planner.find(&person("devs"), &first.plan.hash).await;
    assert!(matches!(answer(half.expect_err("is hidden")), AppError::NotFound { .. }));
    let seen = house.planner.index.load().seen_by(&person("ops"));
    assert_eq!(seen.rows.len(), 3, "{:?}", seen.apps);
    let shown = house.planner.find(&person("ops"), &made.plan.hash).await.expect("may see both");
    assert_eq!(shown.denied.as_deref(), Some("needs applications/sync"), "and may not carry it out");
}

#[tokio::test]
async fn b24_an_app_that_is_not_in_the_target_yet_is_introduced() {
    let mut house = House::new().await;
    house.commit(&[(&overlay("new", "dev"), &kustomization("dev", "0.1.0"))]);
    let head = house.head();
    house.runs("new", "dev", "Healthy", "Synced", head);
    let detail = house.promote(&["new"], "dev", "staging").await;
    assert_eq!(detail.plan.kind, PlanKind::Introduce);
    assert_eq!(detail.plan.rows[0].outcome, RowOutcome::Moves, "{:?}", detail.plan.rows[0]);
    let paths: Vec<_> = detail.plan.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["apps/new/overlays/staging/kustomization.yaml"]);
    assert!(
        detail.plan.files[0].patch.contains("+namespace: shop-staging"),
        "{}",
        detail.plan.files[0].patch
    );
    // Who may do all on the Application in dev may not for that alone write where nothing of it is yet.
    let data = |text: &str| [("policy.csv".to_owned(), text.to_owned())].into_iter().collect();
    let argo_cd = "p, role:devs, applications, *, shop/*, allow\ng, devs, role:devs\n";
    house.tell(Change::ArgoCdPolicy { plane: "lab".into(), data: data(argo_cd) });
    house.tell(Change::OwnPolicy { plane: "lab".into(), data: data("") });
    let dev =
        Actor { kind: ActorKind::Person, subject: "u-devs".into(), groups: vec!["devs".into()], ..admin() };
    let theirs = house.planner.preview(&dev, promotion(&["new"], "dev", "staging")).await.expect("a plan");
    assert_eq!(theirs.denied.as_deref(), Some("needs applications/sync"));
    let own = "p, role:devs, promotions, create, staging/shop/new, allow\n";
    house.tell(Change::OwnPolicy { plane: "lab".into(), data: data(own) });
    let theirs = house.planner.preview(&dev, promotion(&["new"], "dev", "staging")).await.expect("a plan");
    assert_eq!(theirs.denied, None);
}

#[tokio::test]
async fn r13_the_earlier_states_are_told_with_how_they_went_and_can_be_restored() {
    let house = House::new().await;
    let good = house.head();
    house.commit_at(&[(&overlay("web", "prod"), &kustomization("prod", "1.5.0"))], Some(1_900_000_000));
    fetched(&house).await;
    let id = CellId { app: "web".into(), environment: "prod".into() };
    let states = house.planner.earlier_states(&admin(), &id).await.expect("states");
    let versions: Vec<_> = states.states.iter().map(|it| it.version.as_deref()).collect();
    assert_eq!(versions, [Some("1.5.0"), Some("1.4.0")], "{:?}", states.note);
    assert!(matches!(states.states[0].ran, Ran::Now { .. }));
    assert_eq!(states.states[1].commit.id, good.to_string());
    assert_eq!(states.states[1].moves[0].after.as_deref(), Some("\"1.4.0\""));
    let ask = AskPlan::Rollback(AskRollback {
        app: "web".into(),
        environment: "prod".into(),
        revision: good.to_string(),
        whole_path: false,
    });
    let detail = house.planner.make_and_keep(&admin(), ask).await.expect("a plan");
    assert_eq!((detail.plan.kind, detail.plan.rows[0].after.as_deref()), (PlanKind::Rollback, Some("1.4.0")));
    assert_eq!(detail.touched.applications[0].id.name, "web-prod");
}

#[tokio::test]
async fn b15_two_environments_are_compared_with_what_is_expected_to_differ_apart() {
    let house = House::new().await;
    let compared = house.planner.compare(&admin(), "web", "staging", "prod").await.expect("compares");
    let travels: Vec<_> = compared.travels.iter().map(|it| (it.from.as_deref(), it.to.as_deref())).collect();
    assert_eq!(travels, [(Some("\"1.5.0\""), Some("\"1.4.0\""))], "as the files have them");
    assert!(compared.expected.iter().any(|it| it.field.as_deref() == Some("namespace")), "{compared:?}");
    assert!(compared.unlisted.is_empty(), "{:?}", compared.unlisted);
}

#[tokio::test]
async fn a_repository_that_does_not_answer_is_planned_on_as_it_was_and_said_so() {
    let mut house = House::new().await;
    fetched(&house).await;
    house.planner.max_age = Duration::ZERO;
    std::fs::remove_file(house.folder.join("git")).expect("goes");
    let row = house.planner.index.load().rows[0].clone();
    assert!(house.planner.repositories.fresh(&row, Duration::ZERO).await.is_err());
    let ask = promotion(&["web"], "dev", "staging");
    let detail = house.planner.preview(&admin(), ask).await.expect("a plan");
    assert_eq!(detail.plan.rows[0].outcome, RowOutcome::Moves);
    let said = |it: &String| it.starts_with("The repository could not be fetched just now");
    assert!(detail.plan.warnings.iter().any(said), "{:?}", detail.plan.warnings);
    house.tasks.shutdown().await;
    house.db.close().await;
}

fn outcomes(detail: &PlanDetail) -> Vec<(&str, &RowOutcome)> {
    detail.plan.rows.iter().map(|row| (row.app.as_str(), &row.outcome)).collect()
}

#[tokio::test]
async fn r13_what_a_change_brought_to_two_apps_is_undone_together() {
    let (house, change, before) = House::with_two_promoted().await;
    let detail = house.undo(change).await.expect("a plan");
    assert_eq!(outcomes(&detail), [("web", &RowOutcome::Moves), ("api", &RowOutcome::Moves)]);
    assert_eq!(
        (detail.plan.kind, detail.plan.from.as_str()),
        (PlanKind::Rollback, &before.to_string()[..10])
    );
    assert_eq!((detail.plan.to.as_str(), detail.target.name()), ("staging", Some("staging")));
    assert_eq!(detail.plan.rows[1].after.as_deref(), Some("1.5.0"));
    assert_eq!(detail.plan.files.len(), 2);
    let touched: Vec<_> = detail.touched.applications.iter().map(|it| it.id.name.as_str()).collect();
    assert_eq!(touched, ["api-staging", "web-staging"]);
    assert!(detail.touched.applications.iter().all(|it| it.shares.is_none()));
    let again = house.planner.find(&admin(), &detail.plan.hash).await.expect("is kept");
    assert_eq!((again.standing, again.ask), (Standing::Valid, AskPlan::Undo(AskUndo { change })));
}

#[tokio::test]
async fn r13_apps_that_were_taken_back_already_are_left_out_of_an_undo() {
    let (house, change, _) = House::with_two_promoted().await;
    let later = house.has_changed(None, &[]).await;
    let take_back = "UPDATE change_apps SET by_change = $1 WHERE change = $2 AND name = $3";
    for (name, left) in [("web", &["api"][..]), ("api", &[])] {
        let ids = [later, change].map(|it| i64::try_from(it).expect("a number"));
        let update = sqlx::query(take_back).bind(ids[0]).bind(ids[1]).bind(name);
        update.execute(house.db.pool()).await.expect("updates");
        match house.undo(change).await {
            Ok(detail) => assert_eq!(outcomes(&detail).iter().map(|it| it.0).collect::<Vec<_>>(), left),
            Err(AppError::Conflict { why }) => {
                assert!(left.is_empty(), "{why}");
                let said = format!(
                    "Everything that change {change} wrote was taken back already, by change {later}."
                );
                assert_eq!(why, said);
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn r13_an_undo_leaves_out_what_others_changed_since() {
    let (house, change, _) = House::with_two_promoted().await;
    house.commit(&[(&overlay("web", "staging"), &kustomization("staging", "1.6.1"))]);
    fetched(&house).await;
    let detail = house.undo(change).await.expect("a plan");
    let RowOutcome::Skipped { why } = &detail.plan.rows[0].outcome else { panic!("{:?}", outcomes(&detail)) };
    assert!(why.contains("was changed by erin since"), "{why}");
    assert_eq!(detail.plan.rows[1].outcome, RowOutcome::Moves);
}

#[tokio::test]
async fn r13_a_change_that_is_not_there_or_not_pushed_cannot_be_undone() {
    let house = House::new().await;
    let absent = house.undo(77).await.expect_err("is refused");
    assert!(matches!(&absent, AppError::NotFound { what } if what == "Change 77"), "{absent:?}");
    let waiting = house.has_changed(None, &[("web", "1.6.0")]).await;
    let said = |error: AppError| error.to_string();
    let error = said(house.undo(waiting).await.expect_err("is refused"));
    assert!(error.contains("is not on the branch yet: cancel it instead"), "{error}");
    let end = "UPDATE changes SET state = 'failed', ended_at = now()";
    sqlx::query(end).execute(house.db.pool()).await.expect("ends");
    let error = said(house.undo(waiting).await.expect_err("is refused"));
    assert!(error.contains("ended without a commit"), "{error}");
    let empty = house.has_changed(Some(house.head()), &[]).await;
    let error = said(house.undo(empty).await.expect_err("is refused"));
    assert!(error.contains("wrote nothing"), "{error}");
}

#[tokio::test]
async fn a10_who_may_not_see_all_apps_of_a_change_learns_nothing_of_it() {
    let (mut house, change, _) = House::with_two_promoted().await;
    let data = |text: &str| [("policy.csv".to_owned(), text.to_owned())].into_iter().collect();
    let argo_cd = "p, role:web, applications, get, shop/web-*, allow\np, role:all, applications, get, */*, allow\n\
                   g, web, role:web\ng, all, role:all\n";
    let own =
        "p, role:web, applications, get, */*/web, allow\np, role:all, applications, get, */*/*, allow\n";
    house.tell(Change::ArgoCdPolicy { plane: "lab".into(), data: data(argo_cd) });
    house.tell(Change::OwnPolicy { plane: "lab".into(), data: data(own) });
    let person = |group: &str| Actor {
        kind: ActorKind::Person,
        subject: format!("u-{group}"),
        groups: vec![group.into()],
        ..admin()
    };
    let ask = || AskPlan::Undo(AskUndo { change });
    let hidden = house.planner.preview(&person("web"), ask()).await.expect_err("is hidden");
    assert!(matches!(answer(hidden), AppError::NotFound { what } if what == format!("Change {change}")));
    let made = house.planner.make_and_keep(&person("all"), ask()).await.expect("a plan");
    assert!(made.denied.is_some(), "and may not carry it out");
    let hidden = house.planner.find(&person("web"), &made.plan.hash).await.expect_err("is hidden");
    assert!(matches!(answer(hidden), AppError::NotFound { .. }));
    assert!(house.planner.find(&person("all"), &made.plan.hash).await.is_ok());
}

#[tokio::test]
async fn r13_an_app_that_follows_another_branch_now_is_not_undone() {
    let (house, change, _) = House::with_two_promoted().await;
    sqlx::query("UPDATE changes SET revision = 'release'").execute(house.db.pool()).await.expect("moves");
    let detail = house.undo(change).await.expect("a plan");
    let is_left = |it: &(&str, &RowOutcome)| matches!(it.1, RowOutcome::Skipped { why } if why.contains("follows another branch now"));
    assert!(outcomes(&detail).iter().all(is_left), "{:?}", outcomes(&detail));
}

#[tokio::test]
async fn r5_r17_a_forged_trailer_hides_no_foreign_edit() {
    let trailers = "Promote\n\nQuarterdeck-Change: 1\nQuarterdeck-Act: promote\nQuarterdeck-App: apps/web\n\
                    Quarterdeck-From: dev\nQuarterdeck-To: staging\n";
    let mut house = House::new().await;
    let file = overlay("web", "staging");
    let ours = house.commit_saying(trailers, &[(&file, &kustomization("staging", "1.5.9"))]);
    house.has_changed(Some(ours), &[("web", "1.5.9")]).await;
    house.commit_saying(trailers, &[(&file, &kustomization("staging", "6.6.6"))]);
    house.all_run_the_head(&["web"]);
    let detail = house.promote(&["web"], "dev", "staging").await;
    let row = &detail.plan.rows[0];
    assert!(matches!(&row.outcome, RowOutcome::Stopped { .. }), "{:?}", row.outcome);
    assert_eq!(row.foreign[0].base.as_deref(), Some("\"1.5.9\""));
    assert_eq!(row.foreign[0].promoted_by.as_ref().map(|it| it.id.clone()), Some(ours.to_string()));
}

#[tokio::test]
async fn on_each_new_head_a_plan_is_what_it_would_be_if_all_was_looked_at_anew() {
    let mut house = House::new().await;
    let order = house.planner.repositories.order().to_vec();
    let rules = house.planner.repositories.rules().clone();
    let known = house.planner.repositories.clone();
    for (number, files) in [
        vec![(overlay("web", "dev"), kustomization("dev", "1.7.0"))],
        vec![(overlay("web", "staging"), kustomization("staging", "1.5.5"))],
        vec![("apps/web/overlays/staging/more.yaml".to_owned(), "kind: ConfigMap\n".to_owned())],
        vec![
            (overlay("new", "dev"), kustomization("dev", "0.1.0")),
            (overlay("new", "staging"), "images: []\n".to_owned()),
        ],
        vec![(overlay("web", "dev"), kustomization("dev", "1.8.0"))],
    ]
    .into_iter()
    .enumerate()
    {
        let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        house.commit(&files);
        house.all_run_the_head(&["web"]);
        fetched(&house).await;
        let ask = || promotion(&["web"], "dev", "staging");
        house.planner.repositories = known.clone();
        let plan = house.planner.preview(&admin(), ask()).await.expect("a plan").plan;
        let mirrors = known.mirrors.clone();
        let anew = Repositories::new(mirrors, house.planner.index.clone(), rules.clone(), order.clone());
        house.planner.repositories = anew;
        let again = house.planner.preview(&admin(), ask()).await.expect("a plan").plan;
        assert_eq!(plan, again, "head {number}");
        assert_eq!(plan.rows[0].outcome, RowOutcome::Moves);
    }
}
