//! A token sees its own account's databases and jobs, and nothing else.

use intake_tests::{DEMO_TOKEN, OTHER_TOKEN, World};
use serde_json::json;

#[test]
fn another_accounts_job_is_unknown() {
    let world = World::start();
    let job = world.import(&json!({"db_id": 2, "data": [{"email": "a@example.com"}]})).job_id();
    world.completed(&job);
    for path in [format!("/api/v1.1/jobs/{job}"), format!("/api/v1.1/jobs/{job}/results")] {
        assert_eq!(world.get(&path, Some(DEMO_TOKEN)).status, 200);
        assert_eq!(world.get(&path, Some(OTHER_TOKEN)).status, 404);
        assert_eq!(world.get(&path, None).status, 401);
    }
    let never = "019d0000-0000-7000-8000-000000000000";
    assert_eq!(world.get(&format!("/api/v1.1/jobs/{never}"), Some(DEMO_TOKEN)).status, 404);
    assert_eq!(world.get("/api/v1.1/jobs/nonsense", Some(DEMO_TOKEN)).status, 404);
}

#[test]
fn another_accounts_database_is_forbidden_like_one_that_does_not_exist() {
    let world = World::start();
    let post = |db_id: i32| {
        let body =
            json!({"token": OTHER_TOKEN, "db_id": db_id, "data": [{"email": "a@example.com"}]}).to_string();
        world.post(
            "/api/v1.1/profiles/import_batch",
            &[("content-type", "application/json")],
            body.as_bytes(),
        )
    };
    let (forbidden, missing) = (post(1), post(99));
    assert_eq!((forbidden.status, missing.status), (403, 403));
    assert_eq!(forbidden.text.replace('1', "99"), missing.text);
    post(2).job_id();
}
