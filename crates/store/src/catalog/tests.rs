//! Declarations and tokens on a real database.

use std::sync::Arc;

use intake_types::catalog::Catalog;
use intake_types::{DatabaseId, MatchRule, TokenHash};
use serde_json::{Value, json};

use crate::fixture::{apply_all, catalog, declaration, import, read};
use crate::testing::TestDatabase;
use crate::{Error, Store};

async fn declare(store: &Store, declaration: Value) -> Result<Vec<String>, Error> {
    let changes = store.declare(read(declaration), false).await?;
    Ok(changes.iter().map(ToString::to_string).collect())
}

#[tokio::test]
async fn a_declaration_is_stored_once_and_read_back_whole() {
    let database = TestDatabase::create();
    let store = database.store();
    assert_eq!(*store.catalog().await.unwrap(), Catalog::default());
    let planned = store.declare(read(declaration()), true).await.unwrap();
    assert!(!planned.is_empty());
    assert_eq!(*store.catalog().await.unwrap(), Catalog::default(), "a dry run writes nothing");
    assert_eq!(store.declare(read(declaration()), false).await.unwrap(), planned);
    assert_eq!(*store.catalog().await.unwrap(), *catalog());
    assert!(declare(&store, declaration()).await.unwrap().is_empty());
}

#[tokio::test]
async fn whatever_changes_is_seen_by_whoever_has_read_it_before() {
    let database = TestDatabase::create();
    let store = database.store();
    declare(&store, declaration()).await.unwrap();
    let mut last = store.catalog().await.unwrap();
    assert!(Arc::ptr_eq(&last, &store.catalog().await.unwrap()), "it is the same, and not read again");
    for change in [
        "UPDATE tokens SET revoked_at = now()",
        "UPDATE accounts SET definition = jsonb_set(definition, '{databases}', '[]')",
        "DELETE FROM resources",
        "TRUNCATE accounts CASCADE",
        "DELETE FROM databases",
    ] {
        database.execute(change);
        let next = store.catalog().await.unwrap();
        assert_ne!(*next, *last, "{change}");
        last = next;
    }
}

#[tokio::test]
async fn what_has_no_data_may_change_and_go() {
    let database = TestDatabase::create();
    let store = database.store();
    declare(&store, declaration()).await.unwrap();
    let mut less = declaration();
    less["databases"][0]["fields"] = json!([{"name": "plan", "type": "enum", "values": ["free", "team"]}]);
    less["resources"] = json!([]);
    less["accounts"] = json!([{"name": "demo", "databases": [1]}]);
    less["databases"].as_array_mut().unwrap().pop();
    assert!(!declare(&store, less).await.unwrap().is_empty());
    let kept = store.catalog().await.unwrap();
    assert_eq!(
        (kept.databases.len(), kept.resources.len(), kept.accounts.len(), kept.tokens.len()),
        (1, 0, 1, 1)
    );
    let plan = kept.databases.values().next().unwrap().fields.values().next().unwrap();
    assert_eq!((plan.name.as_str(), plan.number), ("plan", 4));
}

#[tokio::test]
async fn what_has_data_does_not_go() {
    let database = TestDatabase::create();
    let store = database.store();
    declare(&store, declaration()).await.unwrap();
    let record = json!({"number": 1, "email": "a@example.com", "city": "Here", "plan": "pro", "subscriptions": [{
        "resource_id": 28, "channel": "email", "email": "a@example.com", "cats": ["a"], "custom_fields": {"source": "web"},
    }]});
    apply_all(&store, &import(1, intake_types::MatchRule::Email, &[record]), 10).await;
    let mut refused = 0;
    let mut refuse = async |edit: fn(&mut Value)| {
        let mut wanted = declaration();
        edit(&mut wanted);
        let Err(Error::Declaration(texts)) = declare(&store, wanted).await else {
            panic!("change {refused} was taken")
        };
        assert!(texts.iter().all(|text| text.contains(": there are ")), "{texts:?}");
        refused += 1;
    };
    refuse(|wanted| wanted["databases"][0]["fields"] = json!([])).await;
    refuse(|wanted| wanted["databases"][0]["fields"][0]["unique"] = json!(true)).await;
    refuse(|wanted| wanted["databases"][0]["fields"][2]["type"] = json!("date")).await;
    refuse(|wanted| wanted["databases"][0]["fields"][3]["values"] = json!(["free"])).await;
    refuse(|wanted| wanted["resources"] = json!([])).await;
    refuse(|wanted| wanted["resources"][0]["databases"] = json!([2])).await;
    refuse(|wanted| wanted["resources"][0]["channels"] = json!(["sms"])).await;
    refuse(|wanted| wanted["resources"][0]["categories"] = json!(["b"])).await;
    refuse(|wanted| wanted["resources"][0]["fields"] = json!([])).await;
    refuse(|wanted| {
        wanted["databases"].as_array_mut().unwrap().remove(0);
        wanted["resources"] = json!([]);
        wanted["accounts"] = json!([]);
    })
    .await;
    assert_eq!(*store.catalog().await.unwrap(), *catalog());
    // What is not in use still goes.
    let mut wanted = declaration();
    wanted["databases"][0]["fields"][3]["values"] = json!(["pro"]);
    wanted["resources"][0]["categories"] = json!(["a"]);
    wanted["resources"][0]["channels"] = json!(["email"]);
    assert!(!declare(&store, wanted).await.unwrap().is_empty());
}

#[tokio::test]
async fn tokens_are_made_listed_and_revoked() {
    let database = TestDatabase::create();
    let store = database.store();
    declare(&store, declaration()).await.unwrap();
    let hash = TokenHash::of("a new token of the demo");
    let made = store.create_token(hash, "demo".to_owned(), "laptop".to_owned()).await.unwrap();
    assert_eq!((made.id.len(), made.label.as_str(), made.revoked_at), (12, "laptop", None));
    assert!(store.catalog().await.unwrap().account_of("a new token of the demo").is_some());
    assert_eq!(store.tokens().await.unwrap().len(), 2);

    let revoked = store.revoke_token(made.id.clone()).await.unwrap();
    assert!(revoked.revoked_at.is_some());
    assert_eq!(store.revoke_token(made.id).await.unwrap(), revoked);
    assert!(store.catalog().await.unwrap().account_of("a new token of the demo").is_none());
    assert_eq!(store.tokens().await.unwrap().len(), 2);

    let nobody = store.create_token(TokenHash::of("x"), "nobody".to_owned(), String::new()).await;
    assert!(matches!(nobody, Err(Error::Unknown(_))));
    assert!(matches!(store.revoke_token("000000000000".to_owned()).await, Err(Error::Unknown(_))));
}

#[tokio::test]
async fn a_revoked_token_that_is_declared_again_lives_again() {
    let database = TestDatabase::create();
    let store = database.store();
    declare(&store, declaration()).await.unwrap();
    let id = store.tokens().await.unwrap()[0].id.clone();
    store.revoke_token(id).await.unwrap();
    assert!(store.catalog().await.unwrap().tokens.is_empty());
    declare(&store, declaration()).await.unwrap();
    assert_eq!(*store.catalog().await.unwrap(), *catalog());
}

#[tokio::test]
async fn a_shared_email_cannot_become_unique() {
    let database = TestDatabase::create();
    let store = database.store();
    store.declare(read(declaration()), false).await.unwrap();
    let by_number = MatchRule::Custom { field: "number".to_owned() };
    let twins =
        [json!({"number": 1, "email": "a@example.com"}), json!({"number": 2, "email": "a@example.com"})];
    apply_all(&store, &import(1, by_number.clone(), &twins), 10).await;
    let mut strict = declaration();
    strict["databases"][0]["unique"] = json!(["email"]);
    let refused = store.declare(read(strict.clone()), false).await.unwrap_err().to_string();
    assert!(refused.contains("profiles of database 1 that share a value of email"), "{refused}");
    apply_all(&store, &import(2, by_number, &[json!({"number": 2, "email": "b@example.com"})]), 10).await;
    store.declare(read(strict), false).await.unwrap();
    assert!(store.catalog().await.unwrap().databases[&DatabaseId(1)].unique.contains("email"));
}
