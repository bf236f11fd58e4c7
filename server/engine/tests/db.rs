//! Migrations, roles and leases.

use std::time::Duration;

use engine::{
    db::{Db, PROGRAM_ROLE, release_lease, take_lease},
    metrics::Metrics,
};
use futures::future::join_all;

use crate::support::{as_owner, count, database, database_url};

#[tokio::test]
async fn migrations_run_twice_and_side_by_side() {
    let url = database_url().await;
    for connected in join_all((0..4).map(|_| Db::connect(&url))).await {
        connected.expect("one migrates, the others wait");
    }
    let db = Db::connect(&url).await.expect("again");
    assert_eq!(count(&db, "SELECT count(*) FROM audit_events").await, 0);
}

#[tokio::test]
async fn databases_of_one_server_share_the_role() {
    let urls = join_all((0..3).map(|_| database_url())).await;
    for connected in join_all(urls.iter().map(|url| Db::connect(url))).await {
        connected.expect("none stumbles over the role that another made");
    }
}

#[tokio::test]
async fn the_program_works_as_its_own_role() {
    let db = database().await;
    let role: String =
        sqlx::query_scalar("SELECT current_user::text").fetch_one(db.pool()).await.expect("answers");
    assert_eq!(role, PROGRAM_ROLE);
    let made = sqlx::query("CREATE TABLE of_the_program (id int)").execute(db.pool()).await;
    assert!(made.is_err(), "the program makes no tables");
}

#[tokio::test]
async fn a_database_of_a_newer_build_is_left_alone() {
    let url = database_url().await;
    let db = Db::connect(&url).await.expect("migrates");
    as_owner(&db, "INSERT INTO _sqlx_migrations VALUES (9999, 'of tomorrow', now(), true, '', 0)").await;
    let error = Db::connect(&url).await.expect_err("is older").to_string();
    assert!(error.contains("newer Quarterdeck"), "{error}");
}

#[tokio::test]
async fn a_wrong_url_is_refused_without_its_password() {
    let error = Db::connect("postgres://me:secret@localhost:port/x").await.expect_err("no port").to_string();
    assert!(error.contains("DATABASE_URL") && !error.contains("secret"), "{error}");
    let db = database().await;
    assert!(!format!("{db:?}").contains("options"));
}

#[tokio::test]
async fn a_lease_is_one_holders_until_it_ends() {
    let db = database().await;
    let (long, none) = (Duration::from_secs(60), Duration::ZERO);
    assert!(take_lease(&db, "work", "a", long).await.expect("answers"));
    assert!(take_lease(&db, "work", "a", none).await.expect("answers"), "renewed");
    assert!(take_lease(&db, "work", "b", long).await.expect("answers"), "it was over");
    assert!(!take_lease(&db, "work", "a", long).await.expect("answers"));
    release_lease(&db, "work", "a").await.expect("releases nothing");
    assert!(!take_lease(&db, "work", "a", long).await.expect("answers"));
    release_lease(&db, "work", "b").await.expect("releases");
    assert!(take_lease(&db, "work", "a", long).await.expect("answers"));
}

#[tokio::test]
async fn a_lease_of_a_clock_that_was_set_back_is_over() {
    let db = database().await;
    let ttl = Duration::from_secs(9);
    assert!(take_lease(&db, "work", "a", ttl).await.expect("answers"));
    as_owner(&db, "UPDATE leases SET until = until + interval '5 seconds'").await;
    assert!(!take_lease(&db, "work", "b", ttl).await.expect("answers"), "clocks differ a little");
    as_owner(&db, "UPDATE leases SET until = until + interval '1 hour'").await;
    assert!(take_lease(&db, "work", "b", ttl).await.expect("answers"));
}

#[tokio::test]
async fn tables_are_measured_with_their_partitions() {
    let (db, metrics) = (database().await, Metrics::default());
    let upkeep = engine::db::keep_up(db, metrics.clone(), engine::history::Retention::default());
    let measured = async {
        while !metrics.encode().contains(r#"quarterdeck_table_bytes{table="operations"}"#) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        _ = upkeep => panic!("it goes on for ever"),
        () = measured => {}
    }
    let text = metrics.encode();
    assert!(!text.contains("operations_default"), "{text}");
}
