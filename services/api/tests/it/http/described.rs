//! What the description of the fields says is what happens: values within it are taken, values beyond it are refused by name.
//! The table of bad input is made from the description itself, so that a new field is in it from its first day.

use contract::{
    JobId,
    capabilities::{Capabilities, Field, FieldType, KindCapabilities},
    page::Page,
    spec::JobKind,
};
use proptest::{
    strategy::{Just, Strategy, ValueTree},
    test_runner::TestRunner,
};
use reqwest::StatusCode;
use serde_json::{Map, Value, json};

use super::{
    house::{Answer, House},
    picture::png,
};

/// How many random values of each field are tried.
const CASES: usize = 6;

/// A server with files for every name, one stored picture, and what the server says about itself.
struct Described {
    house: House,
    picture: String,
    kinds: Vec<KindCapabilities>,
}

impl Described {
    async fn open() -> Self {
        let house = House::open().await;
        testkit::tiny_models::write_sd(&house.folder.path().join("models")).unwrap();
        let capabilities: Capabilities = house.get("/api/capabilities?model=scripted").await.json();
        let form = reqwest::multipart::Form::new().part("file", reqwest::multipart::Part::bytes(png(64, 64)));
        let stored: Value =
            super::house::send(house.request(reqwest::Method::POST, "/api/assets").multipart(form)).await.json();
        let picture = stored["file"]["id"].as_str().unwrap().to_owned();
        Self { house, picture, kinds: capabilities.kinds }
    }

    /// Returns a body that is right.
    fn right(&self, kind: &KindCapabilities) -> Map<String, Value> {
        let required = kind.fields.iter().filter(|field| field.is_required);
        let mut body: Map<String, Value> = required.map(|field| (field.name.clone(), self.usual(field))).collect();
        if kind.kind == JobKind::Inpaint {
            body.insert("mask".to_owned(), json!(self.picture));
        }
        body
    }

    /// Returns a value that a field can have.
    fn usual(&self, field: &Field) -> Value {
        match field.kind {
            FieldType::WholeNumber => json!(field.minimum.unwrap() as i64),
            FieldType::Number => json!(field.minimum.unwrap()),
            FieldType::Text => json!("x"),
            FieldType::Choice => json!(field.choices[0]),
            FieldType::Flag => json!(true),
            FieldType::Picture => json!(self.picture),
            FieldType::Pictures => json!([self.picture]),
            FieldType::Texts => json!(["x"]),
            FieldType::WholeNumbers => json!([1]),
            FieldType::Loras => json!([self.object(field)]),
            FieldType::Object => self.object(field),
        }
    }

    fn object(&self, field: &Field) -> Value {
        let inner = field.fields.iter().filter(|inner| inner.is_required);
        inner.map(|inner| (inner.name.clone(), self.usual(inner))).collect::<Map<_, _>>().into()
    }

    /// Returns values that a field cannot have, as JSON text, with the pointer below the field to what is wrong.
    fn wrong(&self, field: &Field) -> Vec<(String, String)> {
        let mut wrong: Vec<(Value, String)> = Vec::new();
        let mut add = |value: Value| wrong.push((value, String::new()));
        let too_many = |one: Value| field.max_items.map(|most| Value::from(vec![one; most as usize + 1]));
        match field.kind {
            FieldType::WholeNumber | FieldType::Number => {
                let (least, most) = (field.minimum.unwrap(), field.maximum.unwrap());
                let past = if field.kind == FieldType::Number { 0.001 } else { 1.0 };
                [json!(least - past), json!(most + past), json!(1e300), json!(-1e300)].into_iter().for_each(&mut add);
                [json!("x"), json!("NaN"), json!(true), json!([]), json!({})].into_iter().for_each(&mut add);
                if field.kind == FieldType::WholeNumber {
                    add(json!(least + 0.5));
                }
                field.step.map(|step| json!(least + step / 2.0)).into_iter().for_each(&mut add);
            }
            FieldType::Text | FieldType::Choice => {
                [json!(1), json!(true), json!([]), json!({}), json!("a\u{0}")].into_iter().for_each(&mut add);
                field.max_length.map(|most| json!("x".repeat(most as usize + 1))).into_iter().for_each(&mut add);
                field.min_length.map(|_| json!("")).into_iter().for_each(&mut add);
                if field.kind == FieldType::Choice {
                    add(json!("no such name"));
                }
            }
            FieldType::Flag => [json!("yes"), json!(1), json!([])].into_iter().for_each(&mut add),
            FieldType::Picture => {
                let missing = JobId::new().to_string();
                let strange =
                    [json!(missing), json!("lighthouse.png"), json!("data:image/png;base64,AAAA"), json!("data:x")];
                strange.into_iter().chain([json!(1), json!({})]).for_each(&mut add);
            }
            FieldType::Pictures => {
                [json!("x"), json!({})].into_iter().chain(too_many(json!(self.picture))).for_each(&mut add);
                field.min_items.map(|_| json!([])).into_iter().for_each(&mut add);
                wrong.push((json!([self.picture, JobId::new().to_string()]), "/1".to_owned()));
                wrong.push((json!([1]), "/0".to_owned()));
            }
            FieldType::Texts => {
                [json!("x")].into_iter().chain(too_many(json!("x"))).for_each(&mut add);
                wrong.push((json!([1]), "/0".to_owned()));
            }
            FieldType::WholeNumbers => {
                [json!(1), json!([])].into_iter().chain(too_many(json!(1))).for_each(&mut add);
                wrong.push((json!([-1]), "/0".to_owned()));
            }
            FieldType::Loras => {
                [json!("x")].into_iter().chain(too_many(self.object(field))).for_each(&mut add);
                wrong.push((json!([{ "name": "no such name" }]), "/0/name".to_owned()));
                wrong.push((json!([{}]), "/0/name".to_owned()));
                wrong.extend(self.wrong_inside(field).map(|(value, place)| (json!([value]), format!("/0{place}"))));
            }
            FieldType::Object => {
                [json!("x"), json!([]), json!(1)].into_iter().for_each(&mut add);
                wrong.extend(self.wrong_inside(field));
            }
        }
        let mut texts: Vec<(String, String)> = wrong.into_iter().map(|(value, at)| (value.to_string(), at)).collect();
        if matches!(field.kind, FieldType::WholeNumber | FieldType::Number) {
            texts.extend(["NaN", "1e999", "-Infinity"].map(|text| (text.to_owned(), String::new())));
        }
        texts
    }

    fn wrong_inside<'a>(&'a self, field: &'a Field) -> impl Iterator<Item = (Value, String)> + 'a {
        let with = |name: &str, value: Value| {
            let mut object = self.object(field);
            object[name] = value;
            (object, format!("/{name}"))
        };
        let unknown = with("no_such_field", json!(1));
        let inner = field.fields.iter().flat_map(move |inner| {
            let values = self.wrong(inner).into_iter();
            let json = values.filter_map(|(text, at)| Some((serde_json::from_str::<Value>(&text).ok()?, at)));
            json.map(move |(value, at)| {
                let (object, place) = with(&inner.name, value);
                (object, format!("{place}{at}"))
            })
        });
        [unknown].into_iter().chain(inner)
    }

    /// Sends a body with one field as this text.
    async fn post(&self, kind: JobKind, mut body: Map<String, Value>, field: &str, text: &str) -> Answer {
        body.remove(field);
        let rest = Value::Object(body).to_string();
        let comma = if rest == "{}" { "" } else { "," };
        let text = format!("{{{}:{text}{comma}{}", json!(field), &rest[1..]);
        self.house.post_text(&format!("/api/workflows/{}", kind.as_str()), text).await
    }

    async fn assert_untouched(&self) {
        let jobs: Page<Value> = self.house.get("/api/jobs").await.json();
        let assets: Page<Value> = self.house.get("/api/assets").await.json();
        assert_eq!((jobs.data.len(), assets.data.len()), (0, 1), "something was queued or stored");
        assert_eq!(self.house.queue.open_jobs().await.unwrap(), []);
    }
}

#[tokio::test]
async fn every_value_beyond_the_description_is_refused_by_name_and_leaves_nothing_behind() {
    let described = Described::open().await;
    let mut tried = 0;
    for kind in &described.kinds {
        let right = described.right(kind);
        for field in &kind.fields {
            for (text, below) in described.wrong(field) {
                let answer = described.post(kind.kind, right.clone(), &field.name, &text).await;
                let shown: String = text.chars().take(60).collect();
                let case = format!("{} {} = {shown}", kind.kind.as_str(), field.name);
                assert!(answer.status.is_client_error(), "{case}: {} {}", answer.status, answer.text());
                assert!(matches!(answer.status.as_u16(), 400 | 422), "{case}: {}", answer.status);
                let problem = answer.problem();
                let mut pointers: Vec<&str> = problem.errors.iter().map(|error| error.pointer.as_str()).collect();
                // A text may break two rules at once.
                pointers.dedup();
                assert_eq!(pointers, [format!("/{}{below}", field.name)], "{case}: {problem:?}");
                tried += 1;
            }
        }
        let unknown = described.post(kind.kind, right.clone(), "no_such_field", "1").await;
        assert_eq!(unknown.problem().errors[0].pointer, "/no_such_field");
        for field in kind.fields.iter().filter(|field| field.is_required) {
            let mut without = right.clone();
            without.remove(&field.name);
            let path = format!("/api/workflows/{}", kind.kind.as_str());
            let problem = described.house.post(&path, &Value::Object(without)).await.problem();
            assert_eq!(problem.errors[0].pointer, format!("/{}", field.name));
        }
    }
    assert!(tried > 500, "only {tried} values were tried");
    described.assert_untouched().await;
}

/// Returns values within the description of a field.
fn within(described: &Described, field: &Field) -> proptest::strategy::BoxedStrategy<Value> {
    let (least, most) = (field.minimum.unwrap_or_default(), field.maximum.unwrap_or_default());
    match field.kind {
        FieldType::WholeNumber => {
            let step = field.step.unwrap_or(1.0);
            let steps = ((most - least) / step) as u64;
            (0..=steps).prop_map(move |count| json!((least + step * count as f64) as i64)).boxed()
        }
        FieldType::Number => {
            (0_u32..=1000).prop_map(move |share| json!(least + (most - least) * f64::from(share) / 1000.0)).boxed()
        }
        FieldType::Text => {
            let most = field.max_length.unwrap_or(50).min(50);
            proptest::string::string_regex(&format!("[^\\x00<\\s][^\\x00<]{{0,{}}}", most - 1))
                .unwrap()
                .prop_map(Value::from)
                .boxed()
        }
        FieldType::Choice => proptest::sample::select(field.choices.clone()).prop_map(Value::from).boxed(),
        FieldType::Flag => proptest::bool::ANY.prop_map(Value::from).boxed(),
        FieldType::Picture => Just(json!(described.picture)).boxed(),
        FieldType::Pictures => {
            let picture = described.picture.clone();
            let counts = field.min_items.unwrap_or(0) as usize..=field.max_items.unwrap() as usize;
            counts.prop_map(move |count| json!(vec![picture.clone(); count])).boxed()
        }
        FieldType::Texts => proptest::collection::vec("[a-z ]{0,9}", 0..=field.max_items.unwrap() as usize)
            .prop_map(Value::from)
            .boxed(),
        FieldType::WholeNumbers => {
            let counts = field.min_items.unwrap_or(0) as usize..=field.max_items.unwrap() as usize;
            proptest::collection::vec(0_u32..50, counts).prop_map(Value::from).boxed()
        }
        FieldType::Object => object(described, field),
        FieldType::Loras => proptest::collection::vec(object(described, field), 0..=field.max_items.unwrap() as usize)
            .prop_map(Value::from)
            .boxed(),
    }
}

fn object(described: &Described, field: &Field) -> proptest::strategy::BoxedStrategy<Value> {
    let names: Vec<String> = field.fields.iter().map(|inner| inner.name.clone()).collect();
    let values: Vec<_> = field.fields.iter().map(|inner| within(described, inner)).collect();
    values.prop_map(move |values| names.iter().cloned().zip(values).collect::<Map<_, _>>().into()).boxed()
}

#[tokio::test]
async fn every_value_within_the_description_is_accepted() {
    let described = Described::open().await;
    let mut runner = TestRunner::default();
    for kind in &described.kinds {
        for field in &kind.fields {
            // Whether a name is a model's is another matter: only the scripted one is the engine's here.
            if field.name == "model" {
                continue;
            }
            let values = within(&described, field);
            for _ in 0..CASES {
                let text = values.new_tree(&mut runner).unwrap().current().to_string();
                let answer = described.post(kind.kind, described.right(kind), &field.name, &text).await;
                let case = format!("{} {} = {text}", kind.kind.as_str(), field.name);
                assert_eq!(answer.status, StatusCode::ACCEPTED, "{case}: {}", answer.text());
            }
        }
    }
}
