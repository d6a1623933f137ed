//! The command line `atelier` against a real server: what it prints, and the code that it ends with.

use std::{
    collections::BTreeSet,
    process::{Command, Output},
};

use contract::{
    job::{Job, JobState},
    page::Page,
    spec::JobKind,
};
use tests::{
    plan::{Engine, Plan},
    system::System,
};

use crate::{
    LIMIT,
    pictures::{decode, picture, png_from},
};

/// Runs `atelier` to its end, on a thread that may wait.
pub(crate) async fn atelier(system: &System, arguments: &[&str]) -> Output {
    let mut command = command(system, arguments);
    let running = tokio::task::spawn_blocking(move || command.output().expect("starting atelier"));
    tokio::time::timeout(LIMIT, running).await.expect("an end in time").unwrap()
}

fn command(system: &System, arguments: &[&str]) -> Command {
    let mut command = Command::new(system.programs().atelier());
    let server = system.client().base().unwrap_or_else(|_| "http://127.0.0.1:1".to_owned());
    command.env("ATELIER_SERVER", server).env_remove("ATELIER_KEY").args(arguments).current_dir(system.folder());
    command
}

pub(crate) fn code(output: &Output) -> i32 {
    output.status.code().expect("an exit code")
}

pub(crate) fn json<T: serde::de::DeserializeOwned>(output: &Output) -> T {
    let text = String::from_utf8_lossy(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr);
    serde_json::from_str(text.trim()).unwrap_or_else(|error| panic!("{error}: {text:?} {said:?}"))
}

#[tokio::test]
async fn a_picture_is_asked_for_watched_shown_and_written_to_a_file() {
    let system = Plan::new().start().await.unwrap();
    let made = atelier(
        &system,
        &["submit", "a lighthouse", "--steps", "3", "--width", "64", "--height", "64", "--output", "dawn.png"],
    )
    .await;
    assert_eq!(code(&made), 0, "{}", String::from_utf8_lossy(&made.stderr));
    let png = std::fs::read(system.folder().join("dawn.png")).expect("the picture");
    assert_eq!(crate::pictures::decode(&png).width, 64);

    let submitted: Job = json(&atelier(&system, &["--json", "submit", "another", "--steps", "3"]).await);
    let watched = atelier(&system, &["--json", "watch", &submitted.id.to_string()]).await;
    assert_eq!(code(&watched), 0);
    let lines = String::from_utf8_lossy(&watched.stdout).into_owned();
    let last: Job = serde_json::from_str(lines.lines().last().expect("a line")).expect("the job");
    assert_eq!(last.state, JobState::Succeeded);
    let shown: serde_json::Value = json(&atelier(&system, &["--json", "show", &submitted.id.to_string()]).await);
    assert!(shown.to_string().contains(&submitted.id.to_string()));
    let listed: Page<Job> = json(&atelier(&system, &["--json", "list", "--state", "succeeded"]).await);
    assert_eq!(listed.data.len(), 2);
}

#[tokio::test]
async fn whoever_reads_no_further_ends_the_program_without_a_word() {
    let system = Plan::new().start().await.unwrap();
    for arguments in [["list"].as_slice(), &["doctor"], &["--json", "capabilities"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = command(&system, arguments);
        command.stdout(writer.try_clone().unwrap()).stderr(writer);
        let running = tokio::task::spawn_blocking(move || command.status().expect("starting atelier"));
        let status = tokio::time::timeout(LIMIT, running).await.expect("an end in time").unwrap();
        assert_eq!(status.code(), Some(0), "{arguments:?}");
    }
}

/// For each kind, how it is submitted, and how large the file is that comes of it; nothing where titles decide that, too.
const KINDS: &[(&str, &str, (u32, u32))] = &[
    ("text_to_image", "a_lake --width 80 --height 64 --steps 2 --negative-prompt people", (80, 64)),
    ("image_to_image", "a_lake --image sea.png --strength 0.5 --steps 2", (96, 80)),
    ("inpaint", "a_boat --image sea.png --mask hole.png --steps 2", (90, 74)),
    ("inpaint", "a_boat --image sea.png --extend-right 38 --extend-bottom 6 --steps 2", (128, 80)),
    ("image_edit", "make_it_night --image sea.png --image hole.png --width 64 --height 64 --steps 2", (64, 64)),
    ("upscale", "--image sea.png --factor 2", (180, 148)),
    ("contact_sheet", "--cell sea.png --cell none --cell hole.png --columns 2 --cell-px 64 --title both", (0, 0)),
];

#[tokio::test]
async fn every_kind_is_submitted_with_its_flags_and_pictures_and_its_file_is_written() {
    let system = Plan::new().start().await.unwrap();
    let write = |name: &str, png: Vec<u8>| std::fs::write(system.folder().join(name), png).unwrap();
    write("sea.png", png_from(90, 74, |x, y| [(x * 2) as u8, (y * 3) as u8, (x + y) as u8]));
    write("hole.png", png_from(90, 74, |x, _| [if x >= 45 { 255 } else { 0 }; 3]));
    for (number, (kind, flags, size)) in KINDS.iter().enumerate() {
        let file = format!("made/{number}.png");
        let waiting = ["--json", "submit", *kind, "--output", file.as_str()];
        let submitted = atelier(&system, &waiting.into_iter().chain(flags.split(' ')).collect::<Vec<_>>()).await;
        assert_eq!(code(&submitted), 0, "{kind} {flags}: {}", String::from_utf8_lossy(&submitted.stderr));
        let job: Job = json(&submitted);
        assert_eq!((job.state, job.kind.as_str()), (JobState::Succeeded, *kind));
        let picture = decode(&std::fs::read(system.folder().join(&file)).expect("the picture"));
        if *size == (0, 0) {
            assert!(picture.width > 2 * 64 && picture.height > 2 * 64, "{} × {}", picture.width, picture.height);
        } else {
            assert_eq!((picture.width, picture.height), *size, "{kind} {flags}");
        }
        let said: serde_json::Value = serde_json::from_str(picture.text("atelier")).expect("how it was made");
        assert_eq!(said, serde_json::to_value(&job.spec).unwrap(), "{kind}");
    }
    let kinds: BTreeSet<&str> = KINDS.iter().map(|(kind, ..)| *kind).collect();
    assert_eq!(kinds, JobKind::ALL.iter().map(|kind| kind.as_str()).collect(), "a kind is not submitted here");
}

#[tokio::test]
async fn what_was_done_differently_is_said_at_the_end_and_later_on() {
    let system = Plan::new().start().await.unwrap();
    let made = atelier(
        &system,
        &["submit", "[scripted: flat_untiled]", "--steps", "2", "--width", "64", "--height", "64", "--output", "x.png"],
    )
    .await;
    let said = String::from_utf8_lossy(&made.stdout).into_owned();
    assert!(said.contains("  measure    the first try gave one colour all over"), "{said}");
    let listed: Page<Job> = json(&atelier(&system, &["--json", "list"]).await);
    let shown = atelier(&system, &["show", &listed.data[0].id.to_string()]).await;
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("  measure    the first try gave one colour all over"), "{shown}");
}

#[tokio::test]
async fn the_exit_code_says_how_it_went() {
    let mut system = Plan::new().engine(Engine::Scripted(std::time::Duration::from_millis(40))).start().await.unwrap();
    let client = system.client();
    assert_eq!(code(&atelier(&system, &["submit", "[scripted: reject]", "--steps", "1", "--wait"]).await), 1);
    assert_eq!(code(&atelier(&system, &["submit", "--colour", "red"]).await), 2);
    assert_eq!(code(&atelier(&system, &["submit", "too small", "--width", "5"]).await), 4);
    let long = client.submit(&picture("long", 150)).await.unwrap();
    client.until_state(long.id, JobState::Running, LIMIT).await.unwrap();
    assert_eq!(code(&atelier(&system, &["cancel", &long.id.to_string()]).await), 0);
    assert_eq!(code(&atelier(&system, &["watch", &long.id.to_string()]).await), 5);
    assert_eq!(code(&atelier(&system, &["retry", &long.id.to_string()]).await), 0);
    let unknown = contract::JobId::new().to_string();
    assert_eq!(code(&atelier(&system, &["show", &unknown]).await), 4);
    system.apis[0].kill();
    assert_eq!(code(&atelier(&system, &["list"]).await), 3);
}

#[tokio::test]
async fn keys_are_made_and_revoked_and_the_secret_is_shown_once() {
    let system = Plan::new().workers(0).start().await.unwrap();
    let created: contract::key::CreatedKey =
        json(&atelier(&system, &["--json", "keys", "create", "me", "--scope", "admin"]).await);
    assert_eq!(code(&atelier(&system, &["list"]).await), 4, "from now on a key is needed");
    let with_key =
        async |arguments: &[&str]| atelier(&system, &[&["--key", created.secret.as_str()], arguments].concat()).await;
    let listed = with_key(&["keys", "list"]).await;
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(text.contains("me") && !text.contains(&created.secret), "{text}");
    assert_eq!(code(&with_key(&["keys", "revoke", &created.key.id.to_string()]).await), 0);
}

#[tokio::test]
async fn doctor_finds_what_is_broken_and_says_how_to_mend_it() {
    let mut system = Plan::new().start().await.unwrap();
    let checks = |output: &Output| -> Vec<contract::system::Check> {
        let found: serde_json::Value = json(output);
        serde_json::from_value(found["server"].clone()).expect("the checks of the server")
    };
    let well = checks(&atelier(&system, &["--json", "doctor"]).await);
    assert!(well.len() >= 4, "{well:?}");
    assert!(well.iter().all(|check| check.verdict != contract::system::Verdict::Bad), "{well:?}");
    system.valkey.kill9().unwrap();
    let without_valkey = atelier(&system, &["--json", "doctor"]).await;
    assert_eq!(code(&without_valkey), 1);
    let bad: Vec<_> = checks(&without_valkey)
        .into_iter()
        .filter(|check| check.verdict == contract::system::Verdict::Bad && check.remedy.is_some())
        .map(|check| check.name)
        .collect();
    assert!(bad.contains(&"valkey".to_owned()), "{bad:?}");
    system.apis[0].kill();
    assert_eq!(code(&atelier(&system, &["doctor"]).await), 1);
}

#[tokio::test]
async fn the_queue_is_paused_reordered_cleared_and_resumed_from_the_terminal() {
    let system = Plan::new().workers(0).start().await.unwrap();
    let text = |output: &Output| String::from_utf8_lossy(&output.stdout).into_owned();
    let queues: Page<contract::system::QueueDepth> = json(&atelier(&system, &["--json", "pause"]).await);
    assert!(queues.data.iter().all(|queue| queue.is_paused), "{queues:?}");
    let mut ids = Vec::new();
    for prompt in ["first", "second"] {
        let job: Job = json(&atelier(&system, &["--json", "submit", prompt]).await);
        ids.push(job.id.to_string());
    }
    assert!(text(&atelier(&system, &["show", &ids[1]]).await).contains("2nd in line"));
    let moved: Job = json(&atelier(&system, &["--json", "move", &ids[1], "front"]).await);
    assert_eq!(moved.position, Some(1));
    let listed = atelier(&system, &["list"]).await;
    assert!(String::from_utf8_lossy(&listed.stderr).contains("the queue is paused"), "{listed:?}");

    let paused: Vec<Job> = json(&atelier(&system, &["--json", "pause", &ids[0], &ids[1]]).await);
    assert!(paused.iter().all(|job| job.paused && job.position.is_none()), "{paused:?}");
    assert!(text(&atelier(&system, &["show", &ids[1]]).await).contains(&format!("until `atelier resume {}`", ids[1])));
    assert_eq!(text(&atelier(&system, &["resume", &ids[1]]).await).trim(), format!("queued {}", ids[1]));

    assert_eq!(code(&atelier(&system, &["cancel", &ids[0]]).await), 0);
    assert_eq!(code(&atelier(&system, &["move", &ids[0], "back"]).await), 4);
    let changed: contract::control::ChangedJobs = json(&atelier(&system, &["--json", "clear"]).await);
    assert_eq!((changed.count, changed.has_more), (1, false));
    assert_eq!(code(&atelier(&system, &["show", &ids[0]]).await), 4);
    assert!(text(&atelier(&system, &["retry", "--failed"]).await).contains("nothing to retry"));
    assert_eq!(code(&atelier(&system, &["retry"]).await), 2);
    let queues: Page<contract::system::QueueDepth> = json(&atelier(&system, &["--json", "resume"]).await);
    assert!(queues.data.iter().all(|queue| !queue.is_paused), "{queues:?}");
}
