//! An XML body: besides what holds for any body, what it says must be sayable in JSON, and mean the same there.

use intake_types::Envelope;
use intake_types::wire::{Format, Limits, read};

use crate::world::LIMITS;
use crate::{batch, refusal};

pub(crate) fn check(bytes: &[u8]) {
    match read(Format::Xml, bytes, &LIMITS) {
        Ok(envelope) => {
            check_twin(&envelope);
            batch::check(envelope);
        }
        Err(refused) => refusal::check(&refused, bytes),
    }
}

fn check_twin(envelope: &Envelope<'_>) {
    let json = to_json(envelope);
    // Quotes and escapes make JSON longer than XML may be.
    let limits = Limits { body_bytes: usize::MAX, ..LIMITS };
    let twin = read(Format::Json, json.as_bytes(), &limits);
    let twin = twin.unwrap_or_else(|refusal| panic!("the JSON twin is refused: {refusal}\n{json}"));
    assert_eq!(twin.parameters, envelope.parameters);
    let texts = |envelope: &Envelope<'_>| -> Option<Vec<String>> {
        let records = envelope.data.as_ref()?;
        Some(records.iter().map(|record| record.get().to_owned()).collect())
    };
    assert_eq!(texts(&twin), texts(envelope));
}

fn to_json(envelope: &Envelope<'_>) -> String {
    let quoted = |name: &str| serde_json::to_string(name).expect("text is writable");
    let mut members: Vec<String> =
        envelope.parameters.iter().map(|(name, value)| format!("{}:{value}", quoted(name))).collect();
    if let Some(records) = &envelope.data {
        let records: Vec<&str> = records.iter().map(|record| record.get()).collect();
        members.push(format!("\"data\":[{}]", records.join(",")));
    }
    format!("{{{}}}", members.join(","))
}
