//! Pages and filters, also of a job that runs.

use intake_tests::{World, WorldBuilder, in_both_formats, until};
use serde_json::{Value, json};

use super::{get_as, imported, indices, mixed};

fn two_at_a_time() -> WorldBuilder {
    World::builder().worker_arguments(&["--chunk-records", "2"])
}

in_both_formats!(
    with two_at_a_time:
    pages_follow_each_other_to_the_end,
    fates_are_asked_for_one_by_one_or_together,
    a_job_is_followed_while_it_runs,
    a_cursor_counts_where_it_was_given,
);

fn page(world: &World, path: &str) -> Value {
    let answer = world.fetch(path);
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.value()
}

/// All pages from this one on.
fn pages(world: &World, path: &str, query: &str) -> Vec<Vec<u64>> {
    let mut pages = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = page(world, &format!("{path}?{query}{cursor}"));
        pages.push(indices(&page));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return pages,
        }
        assert!(pages.len() < 20, "{pages:?}");
    }
}

fn pages_follow_each_other_to_the_end(world: &World) {
    let path = imported(world, &mixed());
    assert_eq!(pages(world, &path, "limit=4"), [vec![0, 1, 2, 3], vec![4, 5]]);
    assert_eq!(pages(world, &path, "limit=3"), [vec![0, 1, 2], vec![3, 4, 5]]);
    assert_eq!(pages(world, &path, "limit=1").len(), 6);
    assert_eq!(pages(world, &path, "limit=10000"), [vec![0, 1, 2, 3, 4, 5]]);
    assert_eq!(pages(world, &path, "only=failed&limit=1"), [vec![1], vec![4]]);
    assert_eq!(pages(world, &path, "only=skipped&limit=1"), [Vec::<u64>::new()]);
}

fn fates_are_asked_for_one_by_one_or_together(world: &World) {
    let path = imported(world, &mixed());
    for (only, expected) in [
        ("created", vec![0, 5]),
        ("updated", vec![2]),
        ("unchanged", vec![3]),
        ("skipped", vec![]),
        ("failed", vec![1, 4]),
        ("failed,updated", vec![1, 2, 4]),
        ("created,updated,unchanged,skipped,failed", vec![0, 1, 2, 3, 4, 5]),
    ] {
        let answer = page(world, &format!("{path}?only={only}"));
        assert_eq!(indices(&answer), expected, "{only}");
        assert_eq!((&answer["total"], &answer["next_cursor"]), (&json!(6), &Value::Null));
    }
}

fn a_job_is_followed_while_it_runs(world: &World) {
    world.close_gate();
    let mut records = mixed();
    records.insert(4, json!({"email": "slow@example.com", "city": "Slow"}));
    let job = world.import(&json!({"db_id": 1, "data": records})).job_id();
    let path = format!("/api/v1.1/jobs/{job}/results");
    let status = until("four records are processed", || {
        let status = world.status(&job);
        (status["processed"] == 4).then_some(status)
    });
    assert_eq!(
        (&status["status"], &status["created"], &status["failed"]),
        (&json!("processing"), &json!(1), &json!(1))
    );

    let so_far = world.fetch(&path);
    assert!(so_far.header("retry-after").is_some() && so_far.header("link").is_none());
    let so_far = so_far.value();
    assert_eq!((indices(&so_far), &so_far["next_cursor"]), (vec![0, 1, 2, 3], &Value::Null));
    assert_eq!((&so_far["status"], &so_far["total"]), (&json!("processing"), &json!(7)));
    assert_eq!(indices(&page(world, &format!("{path}?only=failed"))), [1], "errors are there while it runs");

    let first = page(world, &format!("{path}?limit=3"));
    let next = |page: &Value| format!("{path}?limit=3&cursor={}", page["next_cursor"].as_str().unwrap());
    let second = page(world, &next(&first));
    assert_eq!((indices(&first), indices(&second)), (vec![0, 1, 2], vec![3]));
    // Nothing new yet: the cursor stays good.
    let third = page(world, &next(&second));
    assert_eq!((indices(&third), &third["next_cursor"]), (vec![], &second["next_cursor"]));
    let failed = page(world, &format!("{path}?only=failed&limit=3"));
    world.open_gate();
    world.completed(&job);
    let fourth = page(world, &next(&third));
    assert_eq!((indices(&fourth), &fourth["next_cursor"]), (vec![4, 5, 6], &Value::Null));
    let failed = page(world, &format!("{}&only=failed", next(&failed)));
    assert_eq!((indices(&failed), &failed["next_cursor"]), (vec![5], &Value::Null));
}

fn a_cursor_counts_where_it_was_given(world: &World) {
    let (path, other) = (imported(world, &mixed()), imported(world, &mixed()));
    let cursor = page(world, &format!("{path}?limit=2"))["next_cursor"].as_str().unwrap().to_owned();
    assert_eq!(indices(&page(world, &format!("{path}?cursor={cursor}"))), [2, 3, 4, 5]);
    let (longer, upper) = (format!("{cursor}0"), cursor.replacen('2', "FF", 1));
    for (path, cursor) in [
        (&other, cursor.as_str()),
        (&path, ""),
        (&path, "2"),
        (&path, longer.as_str()),
        (&path, upper.as_str()),
    ] {
        let answer = world.fetch(&format!("{path}?cursor={cursor}"));
        let told = answer.value()["error_text"].as_str().unwrap().to_owned();
        assert!(
            answer.status == 400 && told.starts_with("cursor: not one that was given here"),
            "{cursor}: {told}"
        );
    }
}

#[test]
fn lines_and_rows_have_their_next_page_in_a_header() {
    let world = World::start();
    let path = imported(&world, &mixed());
    for form in ["ndjson", "csv", "json", "xml"] {
        let mut next = Some(format!("{path}?format={form}&only=created,%20failed&limit=3"));
        let mut links = 0;
        let mut text = String::new();
        while let Some(path) = next {
            let answer = get_as(&world, "*/*", &path);
            assert_eq!(answer.status, 200, "{path}: {}", answer.text);
            text += &answer.text;
            next = answer.header("link").map(|link| {
                links += 1;
                let (path, relation) = link.trim_start_matches('<').split_once('>').unwrap();
                assert_eq!(relation, "; rel=\"next\"");
                path.to_owned()
            });
        }
        assert_eq!(links, 1, "{form}");
        assert_eq!(text.matches("created").count(), 2, "{form}: {text}");
        assert_eq!(text.matches("invalid_phone").count(), 1, "{form}: {text}");
    }
}
