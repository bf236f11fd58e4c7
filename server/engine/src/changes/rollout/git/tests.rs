//! R20: what a revision has is told from Git, whoever wrote what after us.

use git2::{FileMode, Signature, build::TreeUpdateBuilder};
use serde_json::json;

use super::*;
use crate::git::trailers::Act;

const FILE: &str = "apps/web/overlays/prod/kustomization.yaml";

/// A repository in which the change wrote 1.5.0 where 1.4.0 was.
struct House {
    repository: Repository,
    before: Oid,
    ours: Oid,
    _folder: tempfile::TempDir,
}

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let repository = Repository::init_bare(folder.path()).expect("a repository");
        let none = Oid::from_str("0000000000000000000000000000000000000000").expect("an id");
        let mut house = Self { repository, before: none, ours: none, _folder: folder };
        house.before = house.commit(&[], "1.4.0", "Begin");
        house.ours = house.commit(&[house.before], "1.5.0", "Promote web");
        house
    }

    fn commit(&self, parents: &[Oid], tag: &str, message: &str) -> Oid {
        self.commit_beside(parents, tag, message, "")
    }

    /// `beside` is what stands in another file.
    fn commit_beside(&self, parents: &[Oid], tag: &str, message: &str, beside: &str) -> Oid {
        let git = &self.repository;
        let text = format!("images:\n  - name: shop/web\n    newTag: {tag:?}\n");
        let blob = |text: &str| git.blob(text.as_bytes()).expect("a blob");
        let empty = git.find_tree(git.treebuilder(None).expect("a builder").write().expect("a tree"));
        let mut update = TreeUpdateBuilder::new();
        update.upsert(FILE, blob(&text), FileMode::Blob).upsert("README.md", blob(beside), FileMode::Blob);
        let tree = update.create_updated(git, &empty.expect("a tree")).expect("a tree");
        let who = Signature::now("erin", "erin@quarterdeck.test").expect("a signature");
        let parents: Vec<_> = parents.iter().map(|it| git.find_commit(*it).expect("a commit")).collect();
        let tree = git.find_tree(tree).expect("a tree");
        git.commit(None, &who, &who, message, &tree, &parents.iter().collect::<Vec<_>>()).expect("commits")
    }

    fn say_at(&self, revision: Oid, head: Oid) -> Said {
        self.say_with(revision, Branch { commit: self.ours, head, is_sure: true })
    }

    fn say_with(&self, revision: Oid, branch: Branch) -> Said {
        say(&self.repository, branch, &revision.to_string(), &wrote()).expect("reads")
    }
}

fn wrote() -> Wrote {
    let expected = json!([{
        "file": FILE, "what": "images", "values": {"images[name=shop/web].newTag": "1.5.0"}
    }]);
    Wrote::new(serde_json::from_value(expected).expect("what is expected"), &BTreeMap::new())
}

#[test]
fn r20_the_commit_itself_and_what_came_before_it() {
    let house = House::new();
    assert_eq!(house.say_at(house.ours, house.ours).git, Git::Ours);
    assert_eq!(house.say_at(house.before, house.ours).git, Git::Before);
}

#[test]
fn r20_a_revision_that_is_not_there_is_not_judged() {
    let house = House::new();
    let branch = Branch { commit: house.ours, head: house.ours, is_sure: true };
    for revision in ["", "main", "1.2.3", "c0ffee0000000000000000000000000000000000"] {
        let said = say(&house.repository, branch, revision, &wrote()).expect("reads");
        assert_eq!(said.git, Git::NotKnown, "{revision}");
    }
}

#[test]
fn r20_a_descendant_counts_as_long_as_it_holds_our_values() {
    let house = House::new();
    let elsewhere = house.commit_beside(&[house.ours], "1.5.0", "Elsewhere", "news");
    assert_eq!(house.say_at(elsewhere, elsewhere).git, Git::After { holds: true });
    let reverted = house.commit(&[elsewhere], "1.4.0", "Revert");
    let last = house.commit_beside(&[reverted], "1.4.0", "More", "news");
    let said = house.say_at(last, last);
    assert_eq!(said.git, Git::After { holds: false });
    let by = said.taken_by.expect("the commit that did it");
    assert_eq!(by.words, format!("{} by erin (Revert)", &reverted.to_string()[..7]));
    assert_eq!(by.token, None);
}

#[test]
fn r20_a_descendant_of_ours_is_known_by_its_token() {
    let house = House::new();
    let token = Uuid::new_v4();
    let trailers = Trailers {
        change: "43".into(),
        token: token.to_string(),
        act: Act::Rollback,
        apps: vec!["apps/web".into()],
        from: "0123456789".into(),
        to: "prod".into(),
        ..Trailers::default()
    };
    let back = house.commit(&[house.ours], "1.4.0", &trailers.message("Roll back web", None));
    let said = house.say_at(back, back);
    assert_eq!(said.taken_by.and_then(|by| by.token), Some(token));
}

#[test]
fn r20_what_was_taken_back_and_came_again_is_waited_for() {
    let house = House::new();
    let reverted = house.commit(&[house.ours], "1.4.0", "Revert");
    let again = house.commit(&[reverted], "1.5.0", "Revert the revert");
    assert_eq!(house.say_at(reverted, again).git, Git::Before);
    assert_eq!(house.say_at(again, again).git, Git::After { holds: true });
}

#[test]
fn r20_a_squash_counts_by_its_values() {
    let house = House::new();
    let squashed = house.commit_beside(&[house.before], "1.5.0", "Squashed", "news");
    assert_eq!(house.say_at(squashed, squashed).git, Git::Rewritten { holds: true });
    assert_eq!(house.say_at(house.before, squashed).git, Git::Before, "Argo CD is still to see it");
    assert_eq!(house.say_at(house.ours, squashed).git, Git::Ours);
}

#[test]
fn r20_a_branch_that_was_set_back_has_lost_the_commit() {
    let house = House::new();
    assert_eq!(house.say_at(house.before, house.before).git, Git::Rewritten { holds: false });
    let other = house.commit_beside(&[house.before], "1.4.0", "Without it", "news");
    assert_eq!(house.say_at(other, other).git, Git::Rewritten { holds: false });
    assert_eq!(house.say_at(house.before, other).git, Git::Rewritten { holds: false });
}

#[test]
fn r20_a_head_from_before_the_push_proves_nothing() {
    let house = House::new();
    let old = Branch { commit: house.ours, head: house.before, is_sure: false };
    assert_eq!(house.say_with(house.before, old).git, Git::Before);
}

#[test]
fn r20_what_was_there_by_chance_before_the_commit_does_not_count() {
    let mut house = House::new();
    let earlier = house.before;
    house.before = house.commit(&[earlier], "1.5.0", "As it will be again");
    let between = house.commit(&[house.before], "1.4.0", "Back");
    house.ours = house.commit(&[between], "1.5.0", "Promote web");
    let squashed = house.commit_beside(&[earlier], "1.5.0", "Squashed", "news");
    assert_eq!(house.say_at(house.before, squashed).git, Git::Before);
    assert_eq!(house.say_at(house.before, house.ours).git, Git::Before);
}

#[test]
fn r20_it_is_said_anew_when_the_branch_has_moved() {
    let (house, sayings) = (House::new(), Sayings::default());
    let say = |revision: Oid, head| {
        let branch = Branch { commit: house.ours, head, is_sure: true };
        let key = (1, 0, revision.to_string());
        let known = sayings.known(&key, branch).map(|said| said.git);
        let said = sayings.say(&house.repository, branch, key, &wrote()).expect("reads").git;
        assert!(known.is_none_or(|known| known == said), "{known:?} is said, and it is {said:?}");
        said
    };
    assert_eq!(say(house.before, house.ours), Git::Before);
    let reverted = house.commit(&[house.ours], "1.4.0", "Revert");
    let again = house.commit(&[reverted], "1.5.0", "Revert the revert");
    assert_eq!(say(reverted, reverted), Git::After { holds: false });
    assert_eq!(say(reverted, again), Git::Before);
    assert_eq!(say(house.ours, again), Git::Ours);
}

#[test]
fn r20_a_whole_file_counts_while_it_is_there_and_not_as_it_was_before() {
    let house = House::new();
    let id = |commit: Oid| {
        let tree = Tree::at(&house.repository, &commit.to_string()).expect("a tree");
        tree.entry(FILE).expect("reads").map(|entry| entry.id)
    };
    let expected = json!([{
        "file": FILE, "what": "file", "values": {"(file)": id(house.ours).map(|id| id.to_string())}
    }]);
    let expected: Vec<Expected> = serde_json::from_value(expected).expect("what is expected");
    let wrote = Wrote::new(expected, &BTreeMap::from([(FILE.to_owned(), id(house.before))]));
    let say = |revision: Oid| {
        let branch = Branch { commit: house.ours, head: revision, is_sure: true };
        say(&house.repository, branch, &revision.to_string(), &wrote).expect("reads").git
    };
    let edited = house.commit(&[house.ours], "1.5.1", "Go on");
    assert_eq!(say(edited), Git::After { holds: true });
    let reverted = house.commit(&[edited], "1.4.0", "Revert");
    assert_eq!(say(reverted), Git::After { holds: false });
}
