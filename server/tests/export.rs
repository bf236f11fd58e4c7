//! The export of the record.

use axum::http::StatusCode;

use crate::support::{Ask, House};

#[tokio::test]
async fn the_record_is_sent_part_by_part_as_lines_of_json() {
    let house = House::on_loopback();
    let answer = Ask::get("/audit/export?format=ndjson").signed_in(&house).of(&house).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), "application/x-ndjson");
    assert_eq!(answer.header("content-disposition"), "attachment; filename=\"quarterdeck-audit.ndjson\"");
    let lines: Vec<serde_json::Value> =
        answer.text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[0]["after_hash"], "beginning");
    assert_eq!((&lines[3]["seq"], &lines[3]["event"]["id"]), (&3.into(), &"id-3".into()));
}

#[tokio::test]
async fn no_cell_of_the_csv_is_a_formula() {
    let house = House::on_loopback();
    let answer = Ask::get("/audit/export?format=csv").signed_in(&house).of(&house).await;
    assert!(answer.header("content-type").starts_with("text/csv"));
    let lines: Vec<&str> = answer.text.split("\r\n").collect();
    assert_eq!(lines.len(), 5, "{}", answer.text);
    assert!(lines[1].starts_with("1,2026-11-24T14:20:03.123456Z,\"'=HYPERLINK(1)\",person,"), "{}", lines[1]);
    assert!(lines[1].contains("\"{\"\"a\"\": \"\"b, c\"\"}\""), "{}", lines[1]);
}

#[tokio::test]
async fn an_export_that_is_refused_is_a_problem_and_no_file() {
    let house = House::on_loopback();
    let answer = Ask::get("/audit/export?who=nobody").signed_in(&house).of(&house).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    answer.problem("not_found");
    let answer = Ask::get("/audit/export?format=xlsx").signed_in(&house).of(&house).await;
    answer.problem("invalid");
    Ask::get("/audit/export").of(&house).await.leads_to("/login?next=/audit/export");
}
