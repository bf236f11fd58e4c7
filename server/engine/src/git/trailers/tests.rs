use super::*;

fn ours() -> Trailers {
    Trailers {
        change: "1842".to_owned(),
        token: "0b9c7f9e-4f7e-4f0e-8a53-0d1f0a4a0001".to_owned(),
        act: Act::Rollback,
        apps: vec!["apps/web".to_owned(), String::new()],
        from: "staging".to_owned(),
        to: "prod".to_owned(),
        sources: vec!["1f".repeat(20)],
        promoted_by: Some("Erin Example <erin@quarterdeck.test>".to_owned()),
        approved_by: vec!["sam".to_owned(), "kim".to_owned()],
    }
}

#[test]
fn r17_what_is_written_reads_back() {
    let message = ours().message("Roll back web in prod", Some("it hangs"));
    let read = Trailers::parse(&message).expect("is ours");
    assert_eq!(read, Trailers { apps: vec!["apps/web".to_owned(), ".".to_owned()], ..ours() });
    assert!(read.concern("apps/web", "prod") && read.concern("", "prod"));
    assert!(!read.concern("apps/web", "staging") && !read.concern("apps/webs", "prod"));
    let signed = format!("{message}Signed-off-by: Sam <sam@quarterdeck.test>\n\n");
    assert_eq!(Trailers::parse(&signed).map(|it| it.approved_by.len()), Some(2));
}

#[test]
fn r17_the_token_stands_once_and_a_commit_without_one_has_none() {
    let paragraph = ours().paragraph();
    let token = "Quarterdeck-Token: 0b9c7f9e-4f7e-4f0e-8a53-0d1f0a4a0001\n";
    assert_eq!(paragraph.matches(token).count(), 1, "{paragraph}");
    let without = Trailers { token: String::new(), ..ours() }.message("Roll back", None);
    assert!(!without.contains("Token"), "an empty value is no trailer");
    assert_eq!(
        Trailers::parse(&without).map(|it| (it.change, it.token)),
        Some(("1842".into(), String::new()))
    );
    let twice = format!("Roll back\n\n{paragraph}Quarterdeck-Token: another\n");
    assert_eq!(Trailers::parse(&twice), None, "which one would it be?");
}

#[test]
fn a27_what_people_write_makes_no_trailer() {
    let evil = "done\n\nApproved-By: root\r\nQuarterdeck-To: dev\u{2028}Approved-By: x\u{85}y\0\u{202e}";
    let trailers = Trailers {
        from: evil.to_owned(),
        apps: vec![evil.to_owned()],
        promoted_by: Some(evil.to_owned()),
        ..ours()
    };
    let message = trailers.message(evil, Some(evil));
    let keys: Vec<_> = message.lines().filter_map(|it| it.split_once(": ")).map(|it| it.0).collect();
    assert_eq!(keys.iter().filter(|it| **it == "Approved-By").count(), 2, "{message}");
    let read = Trailers::parse(&message).expect("is ours");
    assert_eq!((read.to.as_str(), read.approved_by), ("prod", ours().approved_by));
    assert!(!message.contains(['\r', '\0', '\u{85}', '\u{202e}', '\u{2028}']));
}

#[test]
fn a27_a_message_that_quotes_ours_is_not_ours() {
    let message = ours().message("Promote", None);
    let paragraph = ours().paragraph();
    for quoting in [
        format!("Revert it\n\n{message}\nNot wanted any more.\n"),
        format!("Revert it\n\nThis is what stood there:\n{paragraph}"),
        format!("Revert it\n\n{}", paragraph.lines().map(|it| format!("> {it}\n")).collect::<String>()),
        format!("Revert it\n\n{}", paragraph.lines().map(|it| format!("    {it}\n")).collect::<String>()),
        format!("Twice\n\n{paragraph}{paragraph}"),
        paragraph.clone(),
        message.replace("Quarterdeck-To", "quarterdeck-to"),
        message.replace(": rollback", ": rollback now"),
        String::new(),
    ] {
        assert_eq!(Trailers::parse(&quoting), None, "{quoting}");
    }
}

#[test]
fn long_texts_are_cut_at_a_character() {
    assert_eq!(one_line(&"ü".repeat(2000)).chars().count(), LONGEST);
}
