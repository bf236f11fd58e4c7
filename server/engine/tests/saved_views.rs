//! Queries of the matrix that people keep.

use engine::saved_views::{delete, of, save};
use model::{
    Actor, AppError,
    actor::ActorKind,
    apps::{ListApps, SavedView},
};

use crate::support::{admin, database};

fn view(name: &str, q: &str) -> SavedView {
    SavedView { name: name.into(), query: ListApps { q: q.into(), page: 4, ..ListApps::default() } }
}

#[tokio::test]
async fn everybody_keeps_their_own_and_a_name_means_the_last_one_saved() {
    let db = database().await;
    let (erin, alice) = (admin(), Actor { kind: ActorKind::Person, subject: "u-alice".into(), ..admin() });
    save(&db, &erin, &view("behind", "behind")).await.expect("saves");
    save(&db, &erin, &view("behind", "behind:>2")).await.expect("saves");
    save(&db, &alice, &view("mine", "web")).await.expect("saves");
    let kept = of(&db, &erin).await.expect("reads");
    assert_eq!(kept.len(), 1);
    assert_eq!(
        (kept[0].query.q.as_str(), kept[0].query.page),
        ("behind:>2", 0),
        "a view begins on its first page"
    );
    assert!(delete(&db, &erin, "mine").await.is_err(), "it is not theirs");
    delete(&db, &erin, "behind").await.expect("deletes");
    assert!(of(&db, &erin).await.expect("reads").is_empty());
    assert_eq!(of(&db, &alice).await.expect("reads").len(), 1);
}

#[tokio::test]
async fn names_are_one_line_and_there_is_an_end_to_how_many() {
    let db = database().await;
    let long = "x".repeat(61);
    for name in ["", "  ", "two\nlines", long.as_str()] {
        let error = save(&db, &admin(), &view(name, "")).await.expect_err(name);
        assert!(matches!(error, engine::Error::Answer(AppError::Invalid { .. })), "{name:?}");
    }
    for number in 0..50 {
        save(&db, &admin(), &view(&format!("view {number}"), "")).await.expect("saves");
    }
    assert!(save(&db, &admin(), &view("one more", "")).await.is_err());
    save(&db, &admin(), &view("view 7", "again")).await.expect("one that is there may change");
}
