//! Whether a declaration makes sense. Collects everything that is wrong, so that one run tells all.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use super::callbacks;
use super::target::{TYPE_WORDS, field_type};
use super::{
    AccountDeclaration, Catalog, DatabaseDeclaration, Declaration, FieldDeclaration, ResourceDeclaration,
    Token,
};
use crate::catalog::Database;
use crate::field::{phone, system_fields};
use crate::{DatabaseId, FieldType, TokenHash};

/// Keys of a record that are not profile fields, or that reading a profile gives back beside them.
const RESERVED: [&str; 13] = [
    "_error",
    "_ref",
    "created_at",
    "data",
    "db_id",
    "field_value",
    "phone",
    "profile_id",
    "provider",
    "resource_id",
    "subscription_id",
    "subscriptions",
    "updated_at",
];
/// Fewest characters of a token: anything shorter can be guessed.
const SHORTEST_TOKEN: usize = 16;
/// Most characters of a name or a word.
const LONGEST_NAME: usize = 200;
/// Most characters of a field's or a channel's name.
const LONGEST_WORD: usize = 64;

pub(super) fn problems(declaration: &Declaration, current: &Catalog) -> Vec<String> {
    let mut checker = Checker { problems: Vec::new() };
    let Declaration { databases, resources, accounts } = declaration;
    checker.distinct("databases", "id", databases.iter().map(|database| database.id));
    checker.distinct("databases", "name", databases.iter().map(|database| &database.name));
    checker.distinct("resources", "id", resources.iter().map(|resource| resource.id));
    checker.distinct("resources", "name", resources.iter().map(|resource| &resource.name));
    checker.distinct("accounts", "name", accounts.iter().map(|account| &account.name));
    let known: BTreeSet<DatabaseId> = databases.iter().map(|database| database.id).collect();
    for (at, database) in databases.iter().enumerate() {
        checker.database(&format!("databases[{at}]"), database);
    }
    for (at, resource) in resources.iter().enumerate() {
        checker.resource(&format!("resources[{at}]"), resource, &known);
    }
    for (at, account) in accounts.iter().enumerate() {
        checker.account(&format!("accounts[{at}]"), account, &known);
        if let Some(declared) = &account.callbacks {
            let present = current.accounts.get(&account.name).and_then(|account| account.callbacks.as_ref());
            let path = format!("accounts[{at}].callbacks");
            checker.problems.extend(callbacks::problems(&path, declared, present));
        }
    }
    checker.owners(accounts, current);
    checker.problems
}

struct Checker {
    problems: Vec<String>,
}

impl Checker {
    fn say(&mut self, path: &str, problem: impl Display) {
        self.problems.push(format!("{path}: {problem}"));
    }

    /// Says so when two items of a list have the same value in `member`; an empty `member` is the item itself.
    fn distinct<T: Ord + Display>(&mut self, list: &str, member: &str, values: impl Iterator<Item = T>) {
        let dot = if member.is_empty() { "" } else { "." };
        let mut seen: BTreeMap<T, usize> = BTreeMap::new();
        for (at, value) in values.enumerate() {
            if let Some(first) = seen.get(&value) {
                let problem = format!("{value} is declared twice, first at {list}[{first}]");
                self.say(&format!("{list}[{at}]{dot}{member}"), problem);
            } else {
                seen.insert(value, at);
            }
        }
    }

    fn name(&mut self, path: &str, name: &str) {
        if name.trim() != name || name.is_empty() || name.chars().any(char::is_control) {
            self.say(path, "a name has no blanks around it, no control characters, and is not empty");
        }
        if name.chars().count() > LONGEST_NAME {
            self.say(path, format!("a name has at most {LONGEST_NAME} characters"));
        }
    }

    fn id(&mut self, path: &str, id: i32) {
        if id < 1 {
            self.say(path, format!("{id} will not do: ids count from 1"));
        }
    }

    fn databases(&mut self, path: &str, databases: &[DatabaseId], known: &BTreeSet<DatabaseId>) {
        self.distinct(path, "", databases.iter());
        for (at, id) in databases.iter().enumerate().filter(|(_, id)| !known.contains(id)) {
            self.say(&format!("{path}[{at}]"), format!("there is no database {id}"));
        }
    }

    fn database(&mut self, path: &str, database: &DatabaseDeclaration) {
        self.id(&format!("{path}.id"), database.id.0);
        self.name(&format!("{path}.name"), &database.name);
        if let Some(region) = database.default_region.as_deref().filter(|region| !phone::is_region(region)) {
            let problem = format!("{region:?} is no country; two capital letters are expected, such as DE");
            self.say(&format!("{path}.default_region"), problem);
        }
        let unique = format!("{path}.unique");
        self.distinct(&unique, "", database.unique.iter());
        for (at, name) in database.unique.iter().enumerate() {
            if !Database::CAN_BE_UNIQUE.contains(&name.as_str()) {
                let allowed = Database::CAN_BE_UNIQUE.join(", ");
                let problem =
                    format!("{name:?} will not do: {allowed} are allowed; a custom field says so itself");
                self.say(&format!("{unique}[{at}]"), problem);
            }
        }
        self.fields(path, &database.fields);
        for (at, field) in database.fields.iter().enumerate() {
            let path = format!("{path}.fields[{at}].name");
            let name = field.name.as_str();
            if RESERVED.contains(&name) {
                self.say(&path, format!("{name} means something else in a record"));
            } else if system_fields().contains_key(name) {
                self.say(&path, format!("{name} is a system field"));
            } else if name.starts_with('_') {
                self.say(
                    &path,
                    format!("{name:?} will not do: names with _ in front are kept for system fields"),
                );
            }
        }
    }

    fn resource(&mut self, path: &str, resource: &ResourceDeclaration, known: &BTreeSet<DatabaseId>) {
        self.id(&format!("{path}.id"), resource.id.0);
        self.name(&format!("{path}.name"), &resource.name);
        self.databases(&format!("{path}.databases"), &resource.databases, known);
        let channels = format!("{path}.channels");
        self.distinct(&channels, "", resource.channels.iter());
        if resource.channels.is_empty() {
            self.say(&channels, "a resource has at least one channel");
        }
        for (at, channel) in resource.channels.iter().enumerate().filter(|(_, channel)| !is_channel(channel))
        {
            let problem = format!("{channel:?} will not do: a lower-case word such as email is expected");
            self.say(&format!("{channels}[{at}]"), problem);
        }
        let categories = format!("{path}.categories");
        self.distinct(&categories, "", resource.categories.iter());
        for (at, category) in resource.categories.iter().enumerate() {
            self.name(&format!("{categories}[{at}]"), category);
        }
        self.fields(path, &resource.fields);
        for (at, field) in resource.fields.iter().enumerate() {
            if field.matchable || field.unique {
                let problem = "subscription fields cannot be matchable or unique";
                self.say(&format!("{path}.fields[{at}]"), problem);
            }
        }
    }

    fn fields(&mut self, path: &str, fields: &[FieldDeclaration]) {
        let path = format!("{path}.fields");
        self.distinct(&path, "name", fields.iter().map(|field| &field.name));
        for (at, field) in fields.iter().enumerate() {
            self.field(&format!("{path}[{at}]"), field);
        }
    }

    fn field(&mut self, path: &str, field: &FieldDeclaration) {
        if !is_field_name(&field.name) {
            let problem = format!(
                "{:?} will not do: letters of ASCII, digits, _ and - are expected, a letter or _ first, \
                 at most {LONGEST_WORD} of them",
                field.name
            );
            self.say(&format!("{path}.name"), problem);
        }
        let Some(field_type) = field_type(field) else {
            let problem = format!("no type {:?}; there are {}", field.field_type, TYPE_WORDS.join(", "));
            return self.say(&format!("{path}.type"), problem);
        };
        if field.matchable && !field_type.is_matchable() {
            self.say(&format!("{path}.matchable"), format!("a field of type {} cannot be", field.field_type));
        }
        if field.unique && !field.matchable {
            self.say(&format!("{path}.unique"), "only a matchable field can be");
        }
        // Two people share a tag; that is what tags are for.
        if field.unique && field_type == FieldType::Tags {
            self.say(&format!("{path}.unique"), "a field of type tags cannot be");
        }
        self.values(&format!("{path}.values"), &field.values, &field_type);
    }

    fn values(&mut self, path: &str, values: &[String], field_type: &FieldType) {
        match field_type {
            FieldType::Enum(_) if values.is_empty() => self.say(path, "an enum has at least one"),
            FieldType::Enum(_) => {}
            other if !values.is_empty() => {
                self.say(path, format!("a field of type {} has none; enum has", other.word()));
            }
            _ => {}
        }
        self.distinct(path, "", values.iter());
        for (at, value) in values.iter().enumerate() {
            self.name(&format!("{path}[{at}]"), value);
        }
    }

    fn account(&mut self, path: &str, account: &AccountDeclaration, known: &BTreeSet<DatabaseId>) {
        self.name(&format!("{path}.name"), &account.name);
        self.databases(&format!("{path}.databases"), &account.databases, known);
        for (at, Token(token)) in account.tokens.iter().enumerate() {
            let path = format!("{path}.tokens[{at}]");
            if token.len() < SHORTEST_TOKEN || token.len() > LONGEST_NAME {
                let problem = format!("a token has {SHORTEST_TOKEN} to {LONGEST_NAME} characters");
                self.say(&path, problem);
            }
            if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
                self.say(
                    &path,
                    "a token consists of letters of ASCII, digits and punctuation, without blanks",
                );
            }
        }
    }

    /// A token opens one account: in the file, and among what is there already.
    fn owners(&mut self, accounts: &[AccountDeclaration], current: &Catalog) {
        let mut seen: BTreeMap<TokenHash, String> = BTreeMap::new();
        for (at, account) in accounts.iter().enumerate() {
            for (token_at, Token(token)) in account.tokens.iter().enumerate() {
                let path = format!("accounts[{at}].tokens[{token_at}]");
                let hash = TokenHash::of(token);
                if let Some(first) = seen.get(&hash) {
                    let problem = format!("the token is declared twice, first at {first}");
                    self.say(&path, problem);
                }
                let owner = current.tokens.get(&hash).filter(|owner| **owner != account.name);
                if let Some(owner) =
                    owner.filter(|owner| accounts.iter().any(|account| account.name == **owner))
                {
                    self.say(&path, format!("the token belongs to account {owner:?}; revoke it there first"));
                }
                seen.entry(hash).or_insert(path);
            }
        }
    }
}

/// A field's name is also the name of an XML element and a step in the path of a problem.
fn is_field_name(name: &str) -> bool {
    name.len() <= LONGEST_WORD
        && name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

/// One of the vendor's channels, or the name of a custom one.
fn is_channel(word: &str) -> bool {
    word.len() <= LONGEST_WORD
        && word.starts_with(|first: char| first.is_ascii_lowercase())
        && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}
