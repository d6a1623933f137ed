//! Chooses, before a run, how much memory it is to save, from the estimate, the budget, and what earlier runs taught.

use std::collections::HashMap;

use contract::{
    cost::Cost,
    result::{Measure, MeasureReason, MemoryStep},
    spec::JobSpec,
};

use super::{
    estimate::{Parts, Work},
    ladder::{self, Ladder},
};

/// A run of the same size may take a little more than one before it, or a little less.
const SAFETY_PERCENT: u64 = 5;

/// How a run is to be done.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// What is to be done.
    pub work: Work,
    /// How high on the ladder.
    pub height: usize,
    /// How high the ladder is for such a run.
    top: usize,
    /// What the ladder demands, and tiles if they were asked for.
    pub steps: Vec<MemoryStep>,
    /// What to say of it in the result.
    pub measures: Vec<Measure>,
    /// What it will hold at most; all that there is where it must be alone.
    pub needed_mib: u64,
    /// Whether that was measured, of this run or of one like it.
    pub is_measured: bool,
    /// Whether all others must leave for it.
    pub is_alone: bool,
}

/// How much memory there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// What all models may hold together.
    pub comfortable_mib: u64,
    /// What one may hold that is alone.
    pub total_mib: u64,
}

/// A run that does not fit, whatever is done to save memory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TooLarge {
    /// What was to be done.
    pub work: Work,
    /// What it takes at least.
    pub needed_mib: u64,
    /// Whether that was measured.
    pub is_measured: bool,
}

/// What earlier runs taught about memory.
#[derive(Debug, Default)]
pub struct Lessons(HashMap<String, Lesson>);

#[derive(Debug, Default)]
struct Lesson {
    peaks: Vec<Peak>,
    /// Runs that were this large had to climb so high.
    climbs: Vec<(f64, usize)>,
    crowds: Vec<Crowd>,
}

/// Memory ran out beside others, though so much was reserved.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Crowd {
    megapixels: f64,
    reserved_mib: u64,
}

/// What a run held at most.
#[derive(Debug, Clone, PartialEq)]
struct Peak {
    work: Work,
    steps: Vec<MemoryStep>,
    peak_mib: u64,
}

/// What decides about a plan, beside the job.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances {
    /// How much memory there is.
    pub room: Room,
    /// What can be done to save it.
    pub ladder: Ladder,
    /// What the model is made of.
    pub parts: Parts,
}

impl Lessons {
    /// Takes over what was measured of a model on such a device, if nothing is known here.
    pub fn recall(&mut self, key: &str, device: &str, history: &[Cost]) {
        if history.is_empty() || self.0.contains_key(key) {
            return;
        }
        let lesson = self.0.entry(key.to_owned()).or_default();
        for cost in history.iter().filter(|cost| cost.device == device) {
            let work = Work { megapixels: cost.megapixels, pictures: cost.pictures };
            let peak = cost.peak_mib.map(|peak_mib| Peak { work, steps: cost.steps.clone(), peak_mib });
            lesson.peaks.extend(peak);
        }
    }

    /// Notes that memory ran out beside others: such runs have it for themselves from now on.
    pub fn note_crowd(&mut self, key: &str, plan: &Plan) {
        let crowd = Crowd { megapixels: plan.work.megapixels, reserved_mib: plan.needed_mib };
        self.0.entry(key.to_owned()).or_default().crowds.push(crowd);
    }

    /// Notes what a run held at most. If that is more than was reserved when memory ran out beside others, the estimate was
    /// wrong and the others were not: from now on what was measured is reserved, and they may stay.
    pub fn note_peak(&mut self, key: &str, plan: &Plan, peak_mib: u64) {
        let Lesson { peaks, crowds, .. } = self.0.entry(key.to_owned()).or_default();
        crowds.retain(|crowd| crowd.megapixels > plan.work.megapixels || crowd.reserved_mib >= peak_mib);
        let of_the_same = |peak: &&mut Peak| peak.work == plan.work && peak.steps == plan.steps;
        match peaks.iter_mut().find(of_the_same) {
            Some(known) => known.peak_mib = known.peak_mib.max(peak_mib),
            None => peaks.push(Peak { work: plan.work, steps: plan.steps.clone(), peak_mib }),
        }
    }

    /// Notes that memory ran out: such runs begin a step higher from now on, and beside others, which it did not help to send
    /// away. Returns false at the top of the ladder.
    pub fn climb(&mut self, key: &str, plan: &Plan) -> bool {
        if plan.height >= plan.top {
            return false;
        }
        let lesson = self.0.entry(key.to_owned()).or_default();
        lesson.climbs.push((plan.work.megapixels, plan.height + 1));
        lesson.crowds.retain(|crowd| crowd.megapixels > plan.work.megapixels);
        true
    }

    /// Returns how a run is to be done whose engine paints pictures of this size, or how much too large it is.
    pub fn plan(&self, key: &str, spec: &JobSpec, size: (u32, u32), around: Circumstances) -> Result<Plan, TooLarge> {
        let Circumstances { room, parts, .. } = around;
        // An upscaler always works in small squares.
        let ladder = if spec.painting().is_some() { around.ladder } else { Ladder::flat() };
        let work = Work::of(spec, size);
        let lesson = self.0.get(key);
        let learnt = lesson.map_or(0, |lesson| lesson.height_for(work));
        let asked = spec.painting().and_then(|painting| painting.vae_tiling);
        let for_size = if ladder::is_large(work.megapixels) && asked.is_none() { ladder.height_of_tiling() } else { 0 };
        let mut height = learnt.max(for_size);
        let steps = |height| {
            let mut steps = ladder.steps(height).to_vec();
            if asked == Some(true) && !steps.contains(&MemoryStep::VaeTiling) {
                steps.insert(0, MemoryStep::VaeTiling);
            }
            steps
        };
        let expected = |height| {
            let steps = steps(height);
            let estimate = |work| parts.needed_mib(work, &steps);
            match lesson.and_then(|lesson| lesson.corrected(work, &steps, estimate)) {
                Some(measured_mib) => (measured_mib, true),
                None => (estimate(work), false),
            }
        };
        // What is measured lower on the ladder is no less true higher up, where nothing is measured yet.
        let needed = |height| (0..=height).map(expected).min_by_key(|(mib, _)| *mib).unwrap_or_default();
        while height < ladder.top() && needed(height).0 > room.comfortable_mib {
            height += 1;
        }
        let (needed_mib, is_measured) = needed(height);
        // What one run took a little too much of is no reason to refuse all that follow.
        let slack_mib = if is_measured { room.total_mib * SAFETY_PERCENT / 100 } else { 0 };
        if needed_mib > room.total_mib + slack_mib {
            return Err(TooLarge { work, needed_mib, is_measured });
        }
        let needed_mib = needed_mib.min(room.total_mib);
        let reason = |place: usize| match place {
            _ if place < learnt => MeasureReason::OutOfMemory,
            _ if place < for_size => MeasureReason::LargePicture,
            _ => MeasureReason::TightMemory,
        };
        let taken = ladder.steps(height).iter().enumerate();
        let unasked = taken.filter(|(_, step)| !(asked == Some(true) && **step == MemoryStep::VaeTiling));
        let measures = unasked.map(|(place, step)| ladder::measure(*step, reason(place)));
        let is_alone = lesson.is_some_and(|lesson| lesson.needs_all(work));
        let alone = is_alone.then(|| ladder::measure(MemoryStep::Alone, MeasureReason::OutOfMemory));
        let measures = alone.into_iter().chain(measures).collect();
        let needed_mib = if is_alone { needed_mib.max(room.comfortable_mib) } else { needed_mib };
        Ok(Plan { work, height, top: ladder.top(), steps: steps(height), measures, needed_mib, is_measured, is_alone })
    }
}

impl Lesson {
    fn height_for(&self, work: Work) -> usize {
        let as_small = self.climbs.iter().filter(|(megapixels, _)| *megapixels <= work.megapixels);
        as_small.map(|(_, height)| *height).max().unwrap_or(0)
    }

    /// Returns whether memory ran out beside others for a run as small.
    fn needs_all(&self, work: Work) -> bool {
        self.crowds.iter().any(|crowd| crowd.megapixels <= work.megapixels)
    }

    /// Returns what runs like this one took: none if nothing like it was measured.
    fn corrected(&self, work: Work, steps: &[MemoryStep], estimate: impl Fn(Work) -> u64) -> Option<u64> {
        let of_these = || self.peaks.iter().filter(|peak| peak.steps == steps);
        let is_as_large = |peak: &&Peak| peak.work.megapixels >= work.megapixels && peak.work.pictures >= work.pictures;
        let with_safety = |peak_mib: u64| peak_mib + peak_mib * SAFETY_PERCENT / 100;
        if let Some(larger) = of_these().filter(is_as_large).min_by_key(|peak| peak.peak_mib) {
            let less_mib = estimate(larger.work).saturating_sub(estimate(work));
            let scaled_mib = larger.peak_mib.saturating_sub(less_mib).max(estimate(work));
            return Some(with_safety(larger.peak_mib).min(scaled_mib));
        }
        let nearest = of_these().max_by(|one, other| one.work.megapixels.total_cmp(&other.work.megapixels))?;
        Some(with_safety(nearest.peak_mib) + estimate(work).saturating_sub(estimate(nearest.work)))
    }
}

#[cfg(test)]
mod tests {
    use contract::engine::ModelFiles;

    use super::*;

    fn spec(side: u32) -> JobSpec {
        let spec = serde_json::json!({ "kind": "text_to_image", "prompt": "a", "width": side, "height": side });
        serde_json::from_value(spec).expect("a spec")
    }

    fn plan_of(lessons: &Lessons, side: u32, budget_mib: u64) -> Result<Plan, TooLarge> {
        lessons.plan("m", &spec(side), (side, side), around(budget_mib))
    }

    fn around(budget_mib: u64) -> Circumstances {
        let parts = Parts::of(&ModelFiles::default());
        Circumstances {
            room: Room { comfortable_mib: budget_mib, total_mib: budget_mib },
            ladder: Ladder::of_device("cuda0"),
            parts,
        }
    }

    fn height(lessons: &Lessons, side: u32, budget_mib: u64) -> usize {
        plan_of(lessons, side, budget_mib).expect("a plan").height
    }

    #[test]
    fn nothing_is_saved_while_there_is_room_unless_the_picture_is_large() {
        let lessons = Lessons::default();
        assert_eq!(height(&lessons, 1024, 100_000), 0);
        let large = plan_of(&lessons, 1536, 100_000).expect("a plan");
        assert_eq!(large.steps, [MemoryStep::VaeTiling]);
        assert_eq!(large.measures[0].reason, MeasureReason::LargePicture);
    }

    #[test]
    fn a_tight_budget_is_met_by_the_first_step_that_saves_enough() {
        let tight = plan_of(&Lessons::default(), 1024, 4000).expect("a plan");
        assert_eq!(tight.steps, [MemoryStep::VaeTiling]);
        assert_eq!(tight.measures[0].reason, MeasureReason::TightMemory);
        assert!(tight.needed_mib <= 4000);
    }

    #[test]
    fn what_does_not_fit_whatever_is_done_is_refused_with_numbers() {
        let refused = plan_of(&Lessons::default(), 1024, 100);
        let Err(TooLarge { needed_mib, work, .. }) = refused else { panic!("{refused:?}") };
        assert!(needed_mib > 100 && work.pictures == 1, "{refused:?}");
    }

    #[test]
    fn a_picture_that_is_asked_for_in_tiles_is_decoded_in_tiles_without_a_word_about_it() {
        let mut spec = spec(512);
        spec.painting_mut().expect("painted").vae_tiling = Some(true);
        let plan = Lessons::default().plan("m", &spec, (512, 512), around(100_000)).expect("a plan");
        assert_eq!(
            (plan.steps.as_slice(), plan.measures.as_slice()),
            ([MemoryStep::VaeTiling].as_slice(), [].as_slice())
        );
    }

    #[test]
    fn once_memory_ran_out_pictures_as_large_begin_a_step_higher_and_smaller_ones_do_not() {
        let mut lessons = Lessons::default();
        let plan = plan_of(&lessons, 1024, 100_000).expect("a plan");
        assert!(lessons.climb("m", &plan));
        let higher = plan_of(&lessons, 1024, 100_000).expect("a plan");
        assert_eq!((higher.height, higher.measures[0].reason), (1, MeasureReason::OutOfMemory));
        assert_eq!(height(&lessons, 512, 100_000), 0);
        let top = Plan { height: plan.top, ..plan };
        assert!(!lessons.climb("m", &top), "there is an end");
    }

    #[test]
    fn what_ran_out_beside_others_is_alone_until_it_is_known_to_need_more_than_was_reserved() {
        let mut lessons = Lessons::default();
        let plan = |lessons: &Lessons, side| plan_of(lessons, side, 100_000).expect("a plan");
        let crowded = plan(&lessons, 1024);
        lessons.note_crowd("m", &crowded);
        let alone = plan(&lessons, 1024);
        assert_eq!((alone.is_alone, alone.needed_mib, alone.height), (true, 100_000, 0));
        let said = (alone.measures[0].step, alone.measures[0].reason);
        assert_eq!(said, (MemoryStep::Alone, MeasureReason::OutOfMemory));
        assert!(!plan(&lessons, 512).is_alone, "a smaller one found room");
        // It took no more than was reserved, so the others hold more than they say.
        lessons.note_peak("m", &alone, crowded.needed_mib);
        assert!(plan(&lessons, 1024).is_alone);
        lessons.note_peak("m", &alone, crowded.needed_mib + 1);
        let corrected = plan(&lessons, 1024);
        assert!(!corrected.is_alone && corrected.needed_mib > crowded.needed_mib, "{corrected:?}");
    }

    #[test]
    fn what_ran_out_alone_as_well_climbs_and_is_beside_others_again() {
        let mut lessons = Lessons::default();
        let plan = |lessons: &Lessons| plan_of(lessons, 1024, 100_000).expect("a plan");
        let crowded = plan(&lessons);
        lessons.note_crowd("m", &crowded);
        let alone = plan(&lessons);
        assert!(lessons.climb("m", &alone));
        let higher = plan(&lessons);
        assert_eq!((higher.height, higher.is_alone), (1, false));
    }

    /// Returns whether a picture is made without saving anything.
    fn fits(lessons: &Lessons, side: u32, budget_mib: u64) -> bool {
        plan_of(lessons, side, budget_mib).is_ok_and(|plan| plan.height == 0)
    }

    #[test]
    fn what_was_measured_counts_instead_of_the_estimate() {
        let mut lessons = Lessons::default();
        let plan = plan_of(&lessons, 1024, 100_000).expect("a plan");
        lessons.note_peak("m", &plan, 1000);
        assert!(fits(&lessons, 1024, 1100), "it took 1000 MiB");
        assert!(fits(&lessons, 512, 1100), "a smaller one takes no more");
        assert!(!fits(&lessons, 1152, 1100), "a larger one takes more");
    }

    #[test]
    fn a_run_that_took_a_little_more_than_there_is_does_not_stop_those_after_it() {
        let mut lessons = Lessons::default();
        let plan = |lessons: &Lessons| {
            lessons.plan("m", &spec(1024), (1024, 1024), Circumstances { ladder: Ladder::flat(), ..around(1000) })
        };
        let first = plan_of(&lessons, 1024, 100_000).expect("a plan");
        assert!(plan(&lessons).is_err(), "by the estimate it does not fit");
        lessons.note_peak("m", &first, 1000);
        assert_eq!(plan(&lessons).expect("within the slack").needed_mib, 1000);
        lessons.note_peak("m", &first, 1060);
        assert!(plan(&lessons).is_err());
    }

    #[test]
    fn a_fresh_worker_takes_over_what_was_measured_on_its_kind_of_device() {
        let cost = Cost {
            device: "cuda0".to_owned(),
            megapixels: 1.05,
            pictures: 1,
            steps: Vec::new(),
            peak_mib: Some(1000),
            pace: None,
        };
        let mut lessons = Lessons::default();
        lessons.recall("m", "cpu", std::slice::from_ref(&cost));
        assert!(!fits(&lessons, 1024, 1100));
        let mut lessons = Lessons::default();
        lessons.recall("m", "cuda0", &[cost]);
        assert!(fits(&lessons, 1024, 1100));
    }
}
