//! The evaluator of policies beside the casbin crate, which Argo CD's own evaluator is a sibling of.
//!
//! How long a chain of roles may be is not compared here: casbin for Rust stops one step before casbin for Go, which
//! Argo CD has; `server/tests/rbac.rs` asks argocd.
//!
//! Casbin is given Argo CD's model. What the two are asked are random lines: patterns of objects, chains and circles of
//! roles, allows and denies of the same thing.

use casbin::{
    CoreApi as _, DefaultModel, Enforcer, MgmtApi as _, function_map::OperatorFunction, rhai::Dynamic,
};
use engine::access::policy::{Compiled, Policy, Request, Subjects};
use globset::GlobBuilder;
use proptest::{prelude::*, sample::select, test_runner::TestCaseError};

/// Argo CD's `assets/model.conf`, in the words of casbin's documentation.
const MODEL: &str = "
[request_definition]
r = sub, res, act, obj
[policy_definition]
p = sub, res, act, obj, eft
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = g(r.sub, p.sub) && glob(r.res, p.res) && glob(r.act, p.act) && glob(r.obj, p.obj)
";

const SUBJECTS: [&str; 7] = ["ann", "bob", "team-a", "role:x", "role:y", "role:z", "proj:shop:dev"];
const RESOURCES: [&str; 3] = ["applications", "clusters", "projects"];
const ACTIONS: [&str; 3] = ["get", "sync", "update/apps/Deployment/web"];
const OBJECTS: [&str; 5] = ["shop/web", "shop/argocd/web", "bank/web", "bank/w", "https://one.example:6443"];

type Rule = [String; 5];
type Grouping = [String; 2];

/// A glob whose `*` spans slashes, as Argo CD's does.
fn matches(text: &str, pattern: &str) -> bool {
    GlobBuilder::new(pattern)
        .literal_separator(false)
        .build()
        .is_ok_and(|glob| glob.compile_matcher().is_match(text))
}

fn rule() -> impl Strategy<Value = Rule> {
    let resource =
        select(vec!["applications", "clusters", "projects", "*", "app*", "{applications,projects}"]);
    let action = select(vec!["get", "sync", "*", "update/*", "{get,sync}", "[gs]*"]);
    let objects = vec![
        "*",
        "*/*",
        "shop/*",
        "shop/web",
        "*/web",
        "s?op/*",
        "{shop,bank}/*",
        "*/w*",
        "bank/w",
        "https://*",
    ];
    let effect = select(vec!["allow", "allow", "deny"]);
    (select(&SUBJECTS[..]), resource, action, select(objects), effect)
        .prop_map(|(a, b, c, d, e)| [a, b, c, d, e].map(str::to_owned))
}

fn grouping() -> impl Strategy<Value = Grouping> {
    let role = select(vec!["role:x", "role:y", "role:z", "proj:shop:dev"]);
    (select(&SUBJECTS[..]), role).prop_map(|(a, b)| [a, b].map(str::to_owned))
}

async fn casbin(rules: &[Rule], groupings: &[Grouping]) -> casbin::Result<Enforcer> {
    let model = DefaultModel::from_str(MODEL).await?;
    let mut enforcer = Enforcer::new(model, casbin::MemoryAdapter::default()).await?;
    let glob = |text: Dynamic, pattern: Dynamic| matches(&text.to_string(), &pattern.to_string()).into();
    enforcer.add_function("glob", OperatorFunction::Arg2(glob));
    enforcer.add_policies(rules.iter().map(|it| it.to_vec()).collect()).await?;
    for it in groupings {
        enforcer.add_grouping_policy(it.to_vec()).await?;
    }
    Ok(enforcer)
}

fn text_of(rules: &[Rule], groupings: &[Grouping]) -> String {
    let quoted =
        |it: &Rule| format!("p, {}, \"{}\", \"{}\", \"{}\", {}\n", it[0], it[1], it[2], it[3], it[4]);
    let grouping = |it: &Grouping| format!("g, {}, {}\n", it[0], it[1]);
    rules.iter().map(quoted).chain(groupings.iter().map(grouping)).collect()
}

/// Asks both everything that can be asked of the words above.
fn compare(rules: &[Rule], groupings: &[Grouping]) -> Result<(), TestCaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let text = text_of(rules, groupings);
    let theirs = runtime.block_on(casbin(rules, groupings)).expect("casbin takes them");
    let ours = Policy::from_csv(&text).expect("the lines are sound");
    for user in SUBJECTS {
        let compiled = Compiled::new(&ours, Subjects { user, groups: &[] });
        for (resource, action, object) in questions() {
            let expected = theirs.enforce((user, resource, action, object)).expect("casbin answers");
            let request = Request { resource, action, object };
            prop_assert_eq!(
                ours.decide_plainly(user, request).allowed,
                expected,
                "{} {:?} on\n{}",
                user,
                request,
                text
            );
            prop_assert_eq!(
                compiled.allows(request),
                expected,
                "compiled: {} {:?} on\n{}",
                user,
                request,
                text
            );
        }
    }
    Ok(())
}

fn questions() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    RESOURCES.into_iter().flat_map(|resource| {
        ACTIONS
            .into_iter()
            .flat_map(move |action| OBJECTS.into_iter().map(move |object| (resource, action, object)))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_subject_is_judged_as_casbin_judges_it(
        rules in prop::collection::hash_set(rule(), 0..12),
        groupings in prop::collection::hash_set(grouping(), 0..8),
    ) {
        compare(&Vec::from_iter(rules), &Vec::from_iter(groupings))?;
    }

    #[test]
    fn the_matcher_is_that_of_casbin(object in "[a-c/*?{},\\[\\]-]{0,12}", asked in "[a-c/-]{0,8}") {
        // Of patterns that cannot be compiled, both say that nothing matches.
        let ours = engine::access::policy::Glob::new(&object).is_some_and(|glob| glob.matches(&asked));
        prop_assert_eq!(ours, matches(&asked, &object), "{:?} on {:?}", object, asked);
    }
}
