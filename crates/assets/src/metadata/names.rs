//! What A1111 calls samplers and schedules: one table for writing, for reading, and for clients that speak its words.

use contract::spec::sampling::{Sampler, Scheduler};

/// Endings of the old names of samplers, which named the schedule too: `DPM++ 2M Karras`.
const SCHEDULES_IN_SAMPLERS: [(&str, Scheduler); 2] =
    [(" karras", Scheduler::Karras), (" exponential", Scheduler::Exponential)];

/// Returns the name that A1111 and Civitai know the sampler by.
#[must_use]
pub fn sampler_name(sampler: Sampler) -> &'static str {
    match sampler {
        Sampler::Euler => "Euler",
        Sampler::EulerA => "Euler a",
        Sampler::Heun => "Heun",
        Sampler::Dpm2 => "DPM2",
        Sampler::Dpmpp2sA => "DPM++ 2S a",
        Sampler::Dpmpp2m => "DPM++ 2M",
        Sampler::Dpmpp2mV2 => "DPM++ 2M v2",
        Sampler::Ipndm => "IPNDM",
        Sampler::IpndmV => "IPNDM_V",
        Sampler::Lcm => "LCM",
        Sampler::DdimTrailing => "DDIM",
        Sampler::Tcd => "TCD",
        Sampler::ResMultistep => "Res Multistep",
        Sampler::Res2s => "Res 2S",
        Sampler::ErSde => "ER SDE",
        Sampler::EulerCfgPp => "Euler CFG++",
        Sampler::EulerACfgPp => "Euler a CFG++",
        Sampler::EulerGe => "Euler GE",
    }
}

/// Returns the name that A1111 and Civitai know the schedule by.
#[must_use]
pub fn scheduler_name(scheduler: Scheduler) -> &'static str {
    match scheduler {
        Scheduler::Discrete => "Normal",
        Scheduler::Karras => "Karras",
        Scheduler::Exponential => "Exponential",
        Scheduler::Ays => "Align Your Steps",
        Scheduler::Gits => "Align Your Steps GITS",
        Scheduler::SgmUniform => "SGM Uniform",
        Scheduler::Simple => "Simple",
        Scheduler::Smoothstep => "Smoothstep",
        Scheduler::KlOptimal => "KL Optimal",
        Scheduler::Lcm => "LCM",
        Scheduler::BongTangent => "Bong Tangent",
        Scheduler::Ltx2 => "LTX2",
    }
}

/// Returns the sampler of this name, and the schedule that old names carry at their end; none if nobody knows it.
/// The engine's own names are known, too.
#[must_use]
pub fn find_sampler(name: &str) -> Option<(Sampler, Option<Scheduler>)> {
    let name = name.trim().to_lowercase();
    let exact = |name: &str| {
        let named = Sampler::ALL.iter().copied().find(|sampler| is_called(name, sampler_name(*sampler)));
        named.or_else(|| serde_json::from_value(name.into()).ok())
    };
    if let Some(sampler) = exact(&name) {
        return Some((sampler, None));
    }
    SCHEDULES_IN_SAMPLERS
        .iter()
        .find_map(|(ending, scheduler)| Some((exact(name.strip_suffix(ending)?)?, Some(*scheduler))))
}

/// Returns the schedule of this name; none if nobody knows it, and of `Automatic`, which leaves it to the model.
#[must_use]
pub fn find_scheduler(name: &str) -> Option<Scheduler> {
    let name = name.trim().to_lowercase();
    let named = Scheduler::ALL.iter().copied().find(|scheduler| is_called(&name, scheduler_name(*scheduler)));
    named.or_else(|| serde_json::from_value(name.into()).ok())
}

/// Returns whether a name in lower case is this one, with or without its spaces.
fn is_called(name: &str, known: &str) -> bool {
    let known = known.to_lowercase();
    name == known || name == known.replace(' ', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_again() {
        for sampler in Sampler::ALL {
            assert_eq!(find_sampler(sampler_name(*sampler)), Some((*sampler, None)));
        }
        for scheduler in Scheduler::ALL {
            assert_eq!(find_scheduler(scheduler_name(*scheduler)), Some(*scheduler));
        }
    }

    #[test]
    fn old_names_carry_their_schedule_and_the_engines_own_names_are_known() {
        assert_eq!(find_sampler("DPM++ 2M Karras"), Some((Sampler::Dpmpp2m, Some(Scheduler::Karras))));
        assert_eq!(find_sampler("dpm++2m"), Some((Sampler::Dpmpp2m, None)));
        assert_eq!(find_sampler("euler_a"), Some((Sampler::EulerA, None)));
        assert_eq!(find_sampler("PLMS"), None);
        assert_eq!(find_scheduler("sgm_uniform"), Some(Scheduler::SgmUniform));
        assert_eq!(find_scheduler("Automatic"), None);
    }
}
