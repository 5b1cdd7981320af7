//! Declarations, from YAML to catalogue and diff.

use super::*;
use crate::TokenHash;
use crate::catalog::{Database, Resource};

const DEMO: &str = "
databases:
  - id: 1
    name: Demo
    fields:
      - { name: Custom_ID, type: int, matchable: true }
      - { name: city, type: string }
      - { name: loyalty_points, type: int }
      - { name: score, type: float }
      - { name: vip, type: bool }
      - { name: plan, type: enum, values: [free, pro, team] }
      - { name: birthday, type: date }
      - { name: last_ip, type: ip }
      - { name: interests, type: tags, matchable: true }
      - { name: address, type: object }
      - { name: orders, type: arr_object }
      - { name: crm_code, type: string, matchable: true, unique: true }
  - id: 2
    name: Second
resources:
  - id: 28
    name: Newsletter
    databases: [1]
    channels: [email, sms, push, telegram_bot, whatsapp, viber, notify]
    categories: [category_1, category_2]
    fields: [{ name: custom_field, type: string }, { name: source, type: string }]
  - { id: 29, name: Alerts, databases: [1], channels: [email, sms] }
accounts:
  - { name: demo, databases: [1, 2], tokens: [abcdefghijklmnqrstuvwxyz] }
  - { name: other, databases: [2], tokens: [other-demo-token-0123456789] }
";

fn read(yaml: &str) -> Declaration {
    serde_saphyr::from_str(yaml).unwrap()
}

fn demo() -> Catalog {
    Catalog::default().declare(&read(DEMO)).unwrap().0
}

/// The demo catalogue with one piece of its text replaced.
fn edited(from: &str, to: &str) -> Declaration {
    assert!(DEMO.contains(from), "{from}");
    read(&DEMO.replacen(from, to, 1))
}

/// The lines and the orphans of a change to the demo catalogue.
fn diff(from: &str, to: &str) -> (Vec<String>, Vec<Orphan>) {
    let (_, changes) = demo().declare(&edited(from, to)).unwrap();
    let orphans = changes.iter().flat_map(Change::orphans).cloned().collect();
    (changes.iter().map(ToString::to_string).collect(), orphans)
}

fn problems(from: &str, to: &str) -> Vec<String> {
    demo().declare(&edited(from, to)).unwrap_err()
}

#[test]
fn the_demo_catalogue_is_sound() {
    let catalog = demo();
    let database = &catalog.databases[&DatabaseId(1)];
    let numbers: Vec<i16> =
        ["Custom_ID", "city", "crm_code"].map(|name| database.fields[name].number).to_vec();
    assert_eq!(numbers, [1, 2, 12]);
    assert_eq!(database.fields.values().filter(|field| field.matchable).count(), 3);
    assert_eq!(catalog.account_of("other-demo-token-0123456789").unwrap().name, "other");
    assert_eq!(catalog.resources[&ResourceId(28)].channels.len(), 7);
    let (same, changes) = catalog.declare(&read(DEMO)).unwrap();
    assert_eq!((same, changes), (catalog, vec![]));
}

#[test]
fn a_first_declaration_is_told_in_full() {
    let (_, changes) = Catalog::default().declare(&read(DEMO)).unwrap();
    let lines: Vec<String> = changes.iter().map(ToString::to_string).collect();
    for line in [
        r#"+ database 1 "Demo""#,
        "+ database 1: field Custom_ID int, matchable",
        "+ database 1: field plan enum (free, pro, team)",
        "+ database 1: field crm_code string, matchable, unique",
        r#"+ resource 29 "Alerts" (channels email, sms; categories none; databases 1)"#,
        "+ resource 28: field source string",
        r#"+ account "demo" (databases 1, 2)"#,
    ] {
        assert!(lines.iter().any(|told| told == line), "{line}\n{}", lines.join("\n"));
    }
    assert_eq!(lines.len(), 2 + 12 + 2 + 2 + 2 + 2);
    assert!(!lines.iter().any(|line| line.contains("abcdefgh")));
    assert!(changes.iter().all(|change| change.kind() == ChangeKind::Added && change.orphans().is_empty()));
}

#[test]
fn numbers_stay_with_names_and_are_not_reused_in_one_step() {
    let city = "{ name: city, type: string }";
    let (catalog, _) = demo().declare(&edited(city, "{ name: town, type: string }")).unwrap();
    let fields = &catalog.databases[&DatabaseId(1)].fields;
    assert_eq!((fields["town"].number, fields["Custom_ID"].number, fields["crm_code"].number), (13, 1, 12));
    let last = "{ name: crm_code, type: string, matchable: true, unique: true }";
    let (catalog, _) = demo().declare(&edited(last, "{ name: code, type: string }")).unwrap();
    assert_eq!(catalog.databases[&DatabaseId(1)].fields["code"].number, 13);
}

#[test]
fn numbers_run_out_with_a_problem() {
    let mut catalog = demo();
    catalog.databases.get_mut(&DatabaseId(1)).unwrap().fields.get_mut("city").unwrap().number = 32_000;
    assert!(catalog.declare(&read(DEMO)).is_ok());
    let more = edited("{ name: vip, type: bool }", "{ name: vip2, type: bool }");
    assert_eq!(
        catalog.declare(&more).unwrap_err(),
        ["databases[0].fields: there are no numbers left for new fields"]
    );
}

#[test]
fn enum_words_come_and_go() {
    let (lines, orphans) = diff("[free, pro, team]", "[free, pro, team, max]");
    assert_eq!(lines, ["~ database 1: field plan: values free, pro, team -> free, pro, team, max"]);
    assert!(orphans.is_empty());
    let (lines, orphans) = diff("[free, pro, team]", "[pro, free, team]");
    assert_eq!(
        lines,
        ["~ database 1: field plan: values free, pro, team -> pro, free, team (ordinals change)"]
    );
    assert!(orphans.is_empty());
    let (_, orphans) = diff("[free, pro, team]", "[free, team]");
    let value =
        Orphan::EnumValue { database: DatabaseId(1), name: "plan".to_owned(), value: "pro".to_owned() };
    assert_eq!(orphans, [value]);
}

#[test]
fn what_touches_a_field_may_orphan_its_values() {
    let field = |name: &str, number| Orphan::Field { database: DatabaseId(1), name: name.to_owned(), number };
    for (from, to, line, orphan) in [
        (
            "city, type: string",
            "city, type: int",
            "~ database 1: field city: type string -> int",
            field("city", 2),
        ),
        (
            "city, type: string",
            "city, type: string, matchable: true",
            "~ database 1: field city: matchable false -> true",
            field("city", 2),
        ),
        (
            "matchable: true, unique: true",
            "matchable: true",
            "~ database 1: field crm_code: unique true -> false",
            field("crm_code", 12),
        ),
        ("      - { name: vip, type: bool }\n", "", "- database 1: field vip bool", field("vip", 5)),
    ] {
        assert_eq!(diff(from, to), (vec![line.to_owned()], vec![orphan]));
    }
}

#[test]
fn resources_change_with_what_they_orphan() {
    let resource = ResourceId(29);
    let alerts = "{ id: 29, name: Alerts, databases: [1], channels: [email, sms] }";
    let channel = Orphan::Channel { resource, channel: "sms".to_owned() };
    let attachment = Orphan::Attachment { resource, database: DatabaseId(1) };
    assert_eq!(
        diff(alerts, "{ id: 29, name: News, databases: [2], channels: [email, pager] }"),
        (
            vec![
                r#"~ resource 29: name "Alerts" -> "News""#.to_owned(),
                "~ resource 29: databases 1 -> 2".to_owned(),
                "~ resource 29: channels email, sms -> email, pager".to_owned(),
            ],
            vec![attachment, channel]
        )
    );
    let (lines, orphans) = diff(&format!("  - {alerts}\n"), "");
    assert_eq!(
        (lines, orphans),
        (vec![r#"- resource 29 "Alerts""#.to_owned()], vec![Orphan::Resource(resource)])
    );
    let (lines, orphans) = diff("[category_1, category_2]", "[category_2]");
    assert_eq!(lines, ["~ resource 28: categories category_1, category_2 -> category_2"]);
    let category = "category_1".to_owned();
    assert_eq!(orphans, [Orphan::Category { resource: ResourceId(28), category }]);
    let (lines, orphans) =
        diff("{ name: source, type: string }", "{ name: source, type: enum, values: [a] }");
    assert_eq!(lines, ["~ resource 28: field source: type string -> enum"]);
    let name = "source".to_owned();
    assert_eq!(orphans, [Orphan::SubscriptionField { resource: ResourceId(28), name }]);
}

#[test]
fn a_system_field_becomes_unique_where_nobody_shares_a_value() {
    let (lines, orphans) = diff("name: Demo\n", "name: Demo\n    unique: [email]\n");
    assert_eq!(lines, ["~ database 1: unique none -> email"]);
    assert_eq!(orphans, [Orphan::SharedValues { database: DatabaseId(1), name: "email".to_owned() }]);
}

#[test]
fn databases_change_and_go() {
    let (lines, orphans) = diff("name: Second", "name: Third\n    default_region: RU");
    let name = r#"~ database 2: name "Second" -> "Third""#;
    assert_eq!(lines, [name, "~ database 2: default_region none -> RU"]);
    assert!(orphans.is_empty());
    let (_, changes) = demo().declare(&Declaration::default()).unwrap();
    let orphans: Vec<&Orphan> = changes.iter().flat_map(Change::orphans).collect();
    assert_eq!(orphans.len(), 4);
    assert!(changes.iter().any(|change| change.to_string() == r#"- database 1 "Demo""#));
    assert_eq!(orphans[0].to_string(), "profiles of database 1");
}

#[test]
fn tokens_are_added_and_go_with_their_account_only() {
    let mut current = demo();
    current.tokens.insert(TokenHash::of("made-by-the-command-line"), "demo".to_owned());
    let (target, changes) = current.declare(&edited("[abcdefghijklmnqrstuvwxyz]", "[]")).unwrap();
    assert_eq!((target.tokens.len(), changes), (3, vec![]));
    let (lines, _) = diff("[abcdefghijklmnqrstuvwxyz]", "[abcdefghijklmnqrstuvwxyz, another-token-of-demo]");
    assert_eq!(lines.len(), 1);
    assert!(
        lines[0].starts_with(r#"+ account "demo": token "#) && !lines[0].contains("another"),
        "{}",
        lines[0]
    );
    let other = "  - { name: other, databases: [2], tokens: [other-demo-token-0123456789] }\n";
    let (target, changes) = demo().declare(&edited(other, "")).unwrap();
    assert_eq!(target.tokens.len(), 1);
    assert_eq!(changes[0].to_string(), r#"- account "other""#);
    assert!(changes[1].to_string().starts_with(r#"- account "other": token "#), "{}", changes[1]);
}

#[test]
fn a_token_changes_hands_only_when_its_account_goes() {
    let moved = "{ name: third, databases: [2], tokens: [other-demo-token-0123456789] }";
    let other = "{ name: other, databases: [2], tokens: [other-demo-token-0123456789] }";
    let (target, _) = demo().declare(&edited(other, moved)).unwrap();
    assert_eq!(target.account_of("other-demo-token-0123456789").unwrap().name, "third");
    let both = format!("{moved}\n  - {{ name: other }}");
    assert_eq!(
        problems(other, &both),
        [r#"accounts[1].tokens[0]: the token belongs to account "other"; revoke it there first"#]
    );
}

#[test]
fn names_that_mean_something_else_are_refused() {
    for name in ["subscriptions", "phone", "profile_id", "_ref", "email", "_fname", "_mine", "created_at"] {
        let problems = problems("name: city", &format!("name: {name}"));
        assert!(problems[0].starts_with("databases[0].fields[1].name: "), "{problems:?}");
        assert_eq!(problems.len(), 1, "{problems:?}");
    }
    for name in ["''", "1st", "a b", "город", "a.b", &"x".repeat(65)] {
        assert_eq!(problems("name: city", &format!("name: {name}")).len(), 1, "{name}");
    }
    assert!(demo().declare(&edited("name: custom_field", "name: _device_type")).is_ok());
}

/// Every text put into the demo catalogue brings the problem beside it, and no token is told.
fn assert_problems(mistakes: &[(&str, &str, &str)]) {
    for (from, to, problem) in mistakes {
        let told = problems(from, to).join("\n");
        assert!(told.lines().any(|line| line.starts_with(problem)), "{problem}\n{told}");
        assert!(!told.contains("short") && !told.contains("sixteen"), "{told}");
    }
}

#[test]
fn each_mistake_has_its_path() {
    assert_problems(&[
        ("id: 2\n", "id: 1\n", "databases[1].id: 1 is declared twice, first at databases[0]"),
        ("name: Second", "name: Demo", "databases[1].name: Demo is declared twice, first at databases[0]"),
        ("name: Second", "name: ' x'", "databases[1].name: a name has no blanks around it"),
        (
            "name: Second",
            "name: Second\n    unique: [email, _fname]",
            "databases[1].unique[1]: \"_fname\" will not do: email, phones are allowed",
        ),
        ("id: 28", "id: 0", "resources[0].id: 0 will not do"),
        ("databases: [1]", "databases: [1, 7]", "resources[0].databases[1]: there is no database 7"),
        (
            "channels: [email, sms] ",
            "channels: [email, SMS] ",
            "resources[1].channels[1]: \"SMS\" will not do",
        ),
        ("channels: [email, sms] ", "channels: [] ", "resources[1].channels: a resource has at least one"),
        (
            "channels: [email, sms] ",
            "channels: [sms, sms] ",
            "resources[1].channels[1]: sms is declared twice",
        ),
        ("databases: [2]", "databases: [3]", "accounts[1].databases[0]: there is no database 3"),
        (
            "[other-demo-token-0123456789]",
            "[short]",
            "accounts[1].tokens[0]: a token has 16 to 200 characters",
        ),
        (
            "[other-demo-token-0123456789]",
            "['sixteen letters!']",
            "accounts[1].tokens[0]: a token consists of",
        ),
        (
            "name: Second",
            "name: Second\n    default_region: XX",
            "databases[1].default_region: \"XX\" is no country",
        ),
    ]);
}

#[test]
fn each_mistake_in_a_field_has_its_path() {
    assert_problems(&[
        ("name: city", "name: score", "databases[0].fields[3].name: score is declared twice"),
        ("type: date", "type: day", "databases[0].fields[6].type: no type \"day\"; there are int, float"),
        (
            "values: [free, pro, team]",
            "values: []",
            "databases[0].fields[5].values: an enum has at least one",
        ),
        ("[free, pro, team]", "[free, free]", "databases[0].fields[5].values[1]: free is declared twice"),
        ("[free, pro, team]", "['free ']", "databases[0].fields[5].values[0]: a name has no blanks"),
        (
            "type: date",
            "type: date, values: [a]",
            "databases[0].fields[6].values: a field of type date has none",
        ),
        (
            "city, type: string",
            "city, type: string, unique: true",
            "databases[0].fields[1].unique: only a matchable",
        ),
        (
            "type: bool",
            "type: bool, matchable: true",
            "databases[0].fields[4].matchable: a field of type bool",
        ),
        (
            "source, type: string",
            "source, type: string, matchable: true",
            "resources[0].fields[1]: subscription",
        ),
    ]);
}

#[test]
fn all_mistakes_are_told_at_once() {
    let declaration = read(
        "
databases: [{ id: 1, name: A, fields: [{ name: x, type: enum }, { name: phone, type: text }] }]
resources: [{ id: 1, name: R, databases: [2], channels: [email] }]
accounts:
  - { name: a, tokens: [the-very-same-token] }
  - { name: b, tokens: [the-very-same-token] }
",
    );
    let problems = Catalog::default().declare(&declaration).unwrap_err();
    assert_eq!(problems.len(), 5, "{}", problems.join("\n"));
    assert!(problems[4].ends_with("first at accounts[0].tokens[0]"));
}

#[test]
fn unknown_keys_are_refused() {
    assert!(serde_saphyr::from_str::<Declaration>("database: []").is_err());
    assert!(serde_saphyr::from_str::<Declaration>(&DEMO.replace("matchable", "machable")).is_err());
}

#[test]
fn a_token_does_not_show_itself() {
    assert!(!format!("{:?}", read(DEMO)).contains("abcdefgh"));
}

#[test]
fn definitions_survive_storage() {
    let catalog = demo();
    for database in catalog.databases.values() {
        let stored = serde_json::to_value(database).unwrap();
        assert!(stored["fields"].is_array());
        assert_eq!(serde_json::from_value::<Database>(stored).unwrap(), *database);
    }
    for resource in catalog.resources.values() {
        let stored = serde_json::to_string(resource).unwrap();
        assert_eq!(serde_json::from_str::<Resource>(&stored).unwrap(), *resource);
    }
}
