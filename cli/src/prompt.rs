//! `atelier prompt`: a language model helps with prompts, styles and the fields of jobs.

use clap::{Args, Subcommand, builder::PossibleValuesParser};
use contract::{
    prompt::{
        ChangedFields, DescribePicture, EnhancePrompt, ExtractStyle, PromptStyle, PromptVariations, SetFields,
        VaryPrompt, WrittenPrompt,
    },
    spec::JobKind,
};
use serde_json::{Map, Value};

use crate::{
    axis,
    client::{Client, Error},
    exit::Exit,
    output::Output,
    picture::find_or_upload,
};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Writes a better prompt of the same picture.
    Enhance {
        /// The prompt.
        prompt: String,
        /// What to look to.
        #[arg(long)]
        instruction: Option<String>,
        #[command(flatten)]
        models: Models,
    },
    /// Writes other prompts of the same idea, one a line.
    Vary {
        /// The prompt.
        prompt: String,
        /// How many, from 1 to 12.
        #[arg(long, default_value_t = 4)]
        count: u32,
        /// In what they shall differ.
        #[arg(long)]
        instruction: Option<String>,
        #[command(flatten)]
        models: Models,
    },
    /// Finds what prompts and pictures have in common in how they look.
    Style {
        /// Prompts in this style.
        #[arg(required_unless_present = "picture")]
        prompts: Vec<String>,
        /// A picture in this style: a file, which is uploaded, or the id of an asset. May be said again.
        #[arg(long, value_name = "PICTURE")]
        picture: Vec<String>,
        #[command(flatten)]
        models: Models,
    },
    /// Looks at a picture, and writes a prompt that would make one like it.
    Describe {
        /// The picture: a file, which is uploaded, or the id of an asset.
        picture: String,
        /// What to look to.
        #[arg(long)]
        instruction: Option<String>,
        #[command(flatten)]
        models: Models,
    },
    /// Sets the fields of a job as you say it: "wider, and slower but better".
    Fields {
        /// What is to be different.
        instruction: String,
        /// The kind of job.
        #[arg(long, default_value = JobKind::TextToImage.as_str(),
            value_parser = PossibleValuesParser::new(JobKind::ALL.iter().map(|kind| kind.as_str())))]
        kind: String,
        /// A field as it is set at present: `steps=30`. May be said again.
        #[arg(long, value_name = "FIELD=VALUE", value_parser = axis::read_field)]
        set: Vec<(String, Value)>,
        /// Which language model.
        #[arg(long)]
        model: Option<String>,
    },
}

#[derive(Args)]
pub(crate) struct Models {
    /// The picture model that it is for.
    #[arg(long)]
    for_model: Option<String>,
    /// Which language model.
    #[arg(long)]
    model: Option<String>,
}

pub(crate) async fn prompt(client: &Client, command: Command, output: Output) -> Result<Exit, Error> {
    match command {
        Command::Enhance { prompt, instruction, models: Models { for_model, model } } => {
            let wanted = EnhancePrompt { prompt, for_model, instruction, model };
            tell_prompt(&client.ask_for_words("enhance", &wanted).await?, output);
        }
        Command::Vary { prompt, count, instruction, models: Models { for_model, model } } => {
            let wanted = VaryPrompt { prompt, count, for_model, instruction, model };
            let written: PromptVariations = client.ask_for_words("variations", &wanted).await?;
            output.result(&written, |written| written.prompts.join("\n"));
        }
        Command::Style { prompts, picture, models: Models { for_model, model } } => {
            let mut assets = Vec::with_capacity(picture.len());
            for picture in &picture {
                assets.push(find_or_upload(client, picture).await?);
            }
            let wanted = ExtractStyle { prompts, assets, for_model, model };
            output.result(&client.ask_for_words("style", &wanted).await?, style_in_words);
        }
        Command::Describe { picture, instruction, models: Models { for_model, model } } => {
            let asset = find_or_upload(client, &picture).await?;
            let wanted = DescribePicture { asset, for_model, instruction, model };
            tell_prompt(&client.ask_for_words("describe", &wanted).await?, output);
        }
        Command::Fields { instruction, kind, set, model } => {
            let mut fields = Map::new();
            axis::set_all(&mut fields, set);
            let kind = kind.parse().unwrap_or(JobKind::TextToImage);
            let wanted = SetFields { kind, fields, instruction, model };
            let changed: ChangedFields = client.ask_for_words("fields", &wanted).await?;
            output.result(&changed, changes_in_words);
            output.note(&changed.explanation);
        }
    }
    Ok(Exit::Done)
}

/// Writes the prompt alone as the result, so that it can be the argument of another command.
fn tell_prompt(written: &WrittenPrompt, output: Output) {
    output.result(written, |written| written.prompt.clone());
    if let Some(negative) = &written.negative_prompt {
        output.note(&format!("negative prompt: {negative}"));
    }
}

fn style_in_words(style: &PromptStyle) -> String {
    let negative = style.negative_prompt.iter().map(|negative| format!("negative prompt: {negative}"));
    let lines = [format!("name: {}", style.name), format!("prompt: {}", style.prompt)];
    lines.into_iter().chain(negative).collect::<Vec<_>>().join("\n")
}

fn changes_in_words(changed: &ChangedFields) -> String {
    changed.changes.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use contract::text::reply::Usage;
    use serde_json::json;

    use super::*;
    use crate::arguments;

    fn parse(arguments: &[&str]) -> Result<Command, clap::Error> {
        let all = [&["atelier", "prompt"], arguments].concat();
        match arguments::Arguments::try_parse_from(all)?.command {
            arguments::Command::Prompt(command) => Ok(*command),
            _ => panic!("this is another command"),
        }
    }

    #[test]
    fn fields_are_said_with_their_values_and_a_kind() {
        let said = ["fields", "wider", "--kind", "upscale", "--set", "factor=2", "--set", "model=x"];
        let Command::Fields { instruction, kind, set, model } = parse(&said).unwrap() else { panic!() };
        assert_eq!((instruction.as_str(), kind.as_str(), model), ("wider", "upscale", None));
        assert_eq!(set, [("factor".to_owned(), json!(2)), ("model".to_owned(), json!("x"))]);
        assert!(parse(&["fields", "wider", "--kind", "poem"]).is_err());
    }

    #[test]
    fn a_style_needs_an_example() {
        assert!(parse(&["style"]).is_err());
        assert!(parse(&["style", "a fox", "a dog"]).is_ok() && parse(&["style", "--picture", "a.png"]).is_ok());
    }

    #[test]
    fn changes_are_written_so_that_they_can_be_said_again() {
        let changes = Map::from_iter([("width".to_owned(), json!(768)), ("sampler".to_owned(), json!("euler"))]);
        let usage = Usage::default();
        let changed = ChangedFields { changes, explanation: "wider".to_owned(), model: "m".to_owned(), usage };
        assert_eq!(changes_in_words(&changed), "sampler=\"euler\"\nwidth=768");
    }
}
