//! R20: a change is done when all of it is, and says what it waits for until then.

use super::*;

const COMMIT: &str = "c0ffee0000000000000000000000000000000000";
const NOW: Timestamp = Timestamp(1_800_000_000_000);
const SOAK: Duration = Duration::from_secs(1800);

fn application(name: &str, outlook: Outlook, why: &str) -> ApplicationStand {
    ApplicationStand { name: name.into(), revision: Some(COMMIT.into()), outlook, why: why.into() }
}

fn app(name: &str, applications: Vec<ApplicationStand>) -> AppStand {
    AppStand { name: name.into(), base_path: format!("apps/{name}"), applications }
}

fn one(outlook: Outlook, why: &str) -> Vec<AppStand> {
    vec![app("web", vec![application("web-prod", outlook, why)])]
}

fn ago(seconds: i64) -> Timestamp {
    Timestamp(NOW.0 - seconds * 1000)
}

fn stand(state: ChangeState, apps: &[AppStand]) -> Stand<'_> {
    Stand {
        state,
        commit: COMMIT,
        environment: "prod",
        apps,
        soak: SOAK,
        healthy_at: None,
        healthy_now: None,
        since: ago(60),
        limit: Duration::from_secs(600),
        now: NOW,
    }
}

/// Healthy since so many seconds.
fn healthy(state: ChangeState, apps: &[AppStand], seconds: i64) -> Stand<'_> {
    Stand { healthy_at: Some(ago(seconds)), healthy_now: Some(ago(seconds)), ..stand(state, apps) }
}

fn goes_to(stand: &Stand<'_>) -> Option<ChangeState> {
    stand.next().map(|next| next.to)
}

#[test]
fn r20_it_goes_from_pushed_to_done_step_by_step() {
    let waits = one(Outlook::Waits, "Argo CD has not seen it.");
    assert_eq!(goes_to(&stand(ChangeState::Pushed, &waits)), Some(ChangeState::RollingOut));
    assert_eq!(goes_to(&stand(ChangeState::RollingOut, &waits)), None);
    let well = one(Outlook::Well, "");
    let next = stand(ChangeState::RollingOut, &well).next().expect("a step");
    assert_eq!(next.to, ChangeState::Healthy);
    assert!(next.text.contains("web-prod at c0ffee0"), "{}", next.text);
    assert_eq!(goes_to(&healthy(ChangeState::Healthy, &well, 0)), Some(ChangeState::Soaking));
    assert_eq!(goes_to(&healthy(ChangeState::Soaking, &well, 1799)), None);
    assert_eq!(goes_to(&healthy(ChangeState::Soaking, &well, 1800)), Some(ChangeState::Done));
}

#[test]
fn r20_without_a_soak_healthy_is_done() {
    let well = one(Outlook::Well, "");
    let stand = Stand { soak: Duration::ZERO, ..healthy(ChangeState::Healthy, &well, 0) };
    assert_eq!(goes_to(&stand), Some(ChangeState::Done));
}

#[test]
fn r20_one_that_is_not_there_yet_holds_up_all() {
    let apps = vec![
        app(
            "web",
            vec![
                application("web-eu", Outlook::Well, ""),
                application("web-us", Outlook::Waits, "It is Progressing."),
            ],
        ),
        app("api", vec![application("api-eu", Outlook::Well, "")]),
    ];
    let stand = stand(ChangeState::RollingOut, &apps);
    assert_eq!(goes_to(&stand), None);
    assert_eq!(stand.waits_for(), "web-us: It is Progressing.");
}

#[test]
fn r20_trouble_comes_to_a_person_at_once_and_mends_by_itself() {
    let apps = vec![app(
        "web",
        vec![
            application("web-eu", Outlook::Waits, "It is Progressing."),
            application("web-us", Outlook::ForPerson, "It is Degraded."),
        ],
    )];
    let next = stand(ChangeState::RollingOut, &apps).next().expect("a step");
    assert_eq!((next.to, next.why.as_str()), (ChangeState::NeedsAttention, "web-us: It is Degraded."));
    assert_eq!(goes_to(&stand(ChangeState::NeedsAttention, &apps)), None);
    let well = one(Outlook::Well, "");
    assert_eq!(goes_to(&stand(ChangeState::NeedsAttention, &well)), Some(ChangeState::RollingOut));
}

#[test]
fn r20_what_takes_too_long_names_what_is_waited_for() {
    let apps = one(Outlook::Waits, "Argo CD has not seen it.");
    let late = Stand { since: ago(600), ..stand(ChangeState::RollingOut, &apps) };
    let next = late.next().expect("a step");
    assert_eq!(next.to, ChangeState::NeedsAttention);
    assert_eq!(next.why, "It takes longer than 10 min. web-prod: Argo CD has not seen it.");
    let moved = one(Outlook::Waits, "It is Progressing.");
    let said = stand(ChangeState::NeedsAttention, &moved).why(&next.why);
    assert_eq!(said, "It takes longer than 10 min. web-prod: It is Progressing.");
    let unknown = one(Outlook::NotKnown, "The control plane has not told.");
    let late = Stand { since: ago(600), ..stand(ChangeState::RollingOut, &unknown) };
    assert_eq!(goes_to(&late), Some(ChangeState::NeedsAttention));
}

#[test]
fn r20_an_app_that_nothing_deploys_is_waited_for_by_name() {
    let apps = vec![app("web", Vec::new())];
    let stand = stand(ChangeState::RollingOut, &apps);
    assert_eq!(goes_to(&stand), None);
    let why = stand.waits_for();
    assert!(why.starts_with("No Application deploys web to prod yet: make one for apps/web"), "{why}");
}

#[test]
fn r20_the_soak_begins_again_where_something_gets_worse() {
    for state in [ChangeState::Healthy, ChangeState::Soaking] {
        let degraded = one(Outlook::ForPerson, "It is Degraded.");
        let next = healthy(state, &degraded, 900).next().expect("a step");
        assert_eq!(next.to, ChangeState::NeedsAttention);
        assert!(next.text.contains("30 min of being Healthy begin again"), "{}", next.text);
        let progressing = one(Outlook::Waits, "It is Progressing.");
        assert_eq!(goes_to(&healthy(state, &progressing, 900)), Some(ChangeState::RollingOut));
    }
}

#[test]
fn r20_the_soak_begins_again_where_it_went_and_came_between_two_looks() {
    let well = one(Outlook::Well, "");
    let stand = Stand { healthy_now: Some(ago(3)), ..healthy(ChangeState::Soaking, &well, 1800) };
    assert_eq!(goes_to(&stand), Some(ChangeState::RollingOut));
}

#[test]
fn r20_a_fresh_start_leaves_the_soak_as_it_is() {
    let unknown = one(Outlook::NotKnown, "The control plane has not told.");
    assert_eq!(goes_to(&healthy(ChangeState::Soaking, &unknown, 900)), None);
    assert_eq!(goes_to(&healthy(ChangeState::Soaking, &unknown, 1800)), None, "nor is it done unseen");
}

#[test]
fn r20_it_failed_where_every_app_was_taken_back_and_not_before() {
    let gone = || application("web-prod", Outlook::TakenBack, "Commit a11ce00 by erin took it back.");
    let all = vec![app("web", vec![gone()])];
    for state in [ChangeState::RollingOut, ChangeState::NeedsAttention, ChangeState::Soaking] {
        let next = stand(state, &all).next().expect("a step");
        assert_eq!(next.to, ChangeState::Failed);
        assert!(next.why.contains("a11ce00 by erin"), "{}", next.why);
    }
    let one_of_two = vec![app("web", vec![gone()]), app("api", vec![application("api", Outlook::Well, "")])];
    assert_eq!(goes_to(&stand(ChangeState::RollingOut, &one_of_two)), Some(ChangeState::NeedsAttention));
}

#[test]
fn many_that_are_waited_for_are_counted() {
    let name = |number| application(&format!("web-{number}"), Outlook::Waits, "It is Progressing.");
    let apps = vec![app("web", (0..7).map(name).collect())];
    assert!(stand(ChangeState::RollingOut, &apps).waits_for().ends_with("And 4 more."));
}
