//! Runs that anything befalls: whatever it is, the vault knows every value that a place has.

use proptest::prelude::*;

use super::*;

/// What befalls one attempt: after how many steps it is killed, which places fail it and how, and whether a person wants
/// the old values back.
#[derive(Clone, Debug)]
struct Attempt {
    killed_after: usize,
    faults: Vec<Fault>,
    rollback: bool,
    /// Places that somebody restarts or that lose what they ran, before the attempt.
    stale: Vec<usize>,
    /// What probes tell of the new and of the old value.
    told: [Answer; 2],
    /// Whether the time has not passed for which the old values stay.
    is_early: bool,
    /// Whether a place that does not run the values could not be read.
    is_unread: bool,
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    None,
    /// Nothing is written.
    Down,
    /// It is written, and nobody hears of it.
    AnswerLost,
    /// It is written, and the machines are not updated.
    NotRolledOut,
}

fn attempt() -> impl Strategy<Value = Attempt> {
    let fault = prop_oneof![Just(Fault::None), Just(Fault::Down), Just(Fault::AnswerLost), Just(Fault::NotRolledOut)];
    let answer = || prop_oneof![3 => Just(Answer::Alive), 1 => Just(Answer::Dead), 1 => Just(Answer::Unknown)];
    (
        0..28_usize,
        prop::collection::vec(fault, PLACES),
        prop::bool::weighted(0.15),
        prop::collection::vec(0..PLACES, 0..2),
        [answer(), answer()],
        [prop::bool::weighted(0.3), prop::bool::weighted(0.1)],
    )
        .prop_map(|(killed_after, faults, rollback, stale, told, [is_early, is_unread])| Attempt {
            killed_after,
            faults,
            rollback,
            stale,
            told,
            is_early,
            is_unread,
        })
}

const PLACES: usize = 3;
const SECRETS: [&str; 2] = ["A", "B"];

/// One secret: what the vault has, and what each place has stored and runs. Values are numbers; the old one is 0.
#[derive(Debug, Default)]
struct Model {
    value: u32,
    previous: Option<u32>,
    stored: [u32; PLACES],
    running: [u32; PLACES],
    /// Whether the places take two values.
    overlap: bool,
    stored_beside: [Option<u32>; PLACES],
    running_beside: [Option<u32>; PLACES],
}

impl Model {
    /// Returns what belongs at the places beside the value.
    fn beside(&self, stage: Stage) -> Option<u32> {
        self.previous
            .filter(|previous| *previous == 0 && self.overlap && matches!(stage, Stage::Staged | Stage::Verified))
    }

    fn standing(&self) -> Standing {
        match (self.value, self.previous) {
            (0, None) => Standing::Old,
            (0, Some(0)) => Standing::Same,
            (0, Some(_)) => Standing::Back,
            (_, Some(0)) => Standing::New,
            (_, None) => Standing::Replaced,
            (_, Some(_)) => Standing::Strange,
        }
    }
}

/// All that outlives a process.
#[derive(Debug)]
struct Simulation {
    stage: Stage,
    secrets: BTreeMap<SecretName, Model>,
    made: u32,
    /// Whether new values were ever told to be alive.
    was_alive: bool,
}

impl Simulation {
    fn new() -> Self {
        let old = |text: &str| Model { overlap: text == "A", ..Model::default() };
        let secrets = SECRETS.map(|text| (name(text), old(text))).into();
        Self { stage: Stage::Prepared, secrets, made: 0, was_alive: false }
    }

    /// At every moment the vault knows every value that a place has or runs.
    fn check(&self) {
        for (name, model) in &self.secrets {
            let known = |value: &u32| *value == model.value || Some(*value) == model.previous;
            assert!(model.stored.iter().chain(&model.running).all(known), "{name} {self:?}");
            let mut beside = model.stored_beside.iter().chain(&model.running_beside).flatten();
            assert!(beside.all(known), "{name} {self:?}");
            // Nothing goes to a place before it was told to be alive.
            assert!(self.was_alive || model.stored == [0; PLACES], "{name} {self:?}");
        }
    }

    /// Runs until there is nothing to do, or until it is killed.
    fn run(&mut self, attempt: &Attempt) {
        for place in &attempt.stale {
            for model in self.secrets.values_mut() {
                model.running[*place] = model.stored[*place];
                model.running_beside[*place] = model.stored_beside[*place];
            }
        }
        let mut fuel = attempt.killed_after;
        let mut known = Known::default();
        if attempt.rollback
            && !self.secrets.values().any(|model| model.standing() == Standing::Replaced)
            && let Some(stage) = after(self.stage, Event::Rollback)
        {
            self.stage = stage;
        }
        loop {
            let standings = self.secrets.iter().map(|(name, model)| (name.clone(), model.standing())).collect();
            let end = if attempt.is_early { End::Later } else { End::AfterOverlap };
            match next(self.stage, &standings, known, end) {
                Task::Ask(value) => {
                    if !step(&mut fuel) {
                        return;
                    }
                    let [new, old] = attempt.told;
                    known.hear(value, [if value == Which::New { new } else { old }]);
                    self.was_alive |= value == Which::New && new == Answer::Alive;
                }
                Task::Wait(..) | Task::Stop | Task::Rest => return,
                Task::Refuse(name) => panic!("{name} {self:?}"),
                Task::Note(event) => {
                    if !step(&mut fuel) {
                        return;
                    }
                    self.stage = after(self.stage, event).expect("a task that is allowed");
                    // Nothing ends before its time.
                    assert!(!(attempt.is_early && event == Event::Lapsed), "{self:?}");
                    match event {
                        Event::Reopened => known = Known::default(),
                        Event::Lapsed => known.look_again(),
                        _ => {}
                    }
                }
                Task::Push => match self.push(attempt, &mut fuel) {
                    Some(all) => known.see(all, attempt.is_unread),
                    None => return,
                },
                Task::Stage(names) => {
                    for name in names {
                        if !step(&mut fuel) {
                            return;
                        }
                        self.made += 1;
                        let made = self.made;
                        let model = self.secrets.get_mut(&name).expect("a secret");
                        (model.previous, model.value) = (Some(model.value), made);
                        self.check();
                    }
                    known = Known::default();
                }
                Task::Swap(names) => {
                    for name in names {
                        if !step(&mut fuel) {
                            return;
                        }
                        let model = self.secrets.get_mut(&name).expect("a secret");
                        let other = model.previous.expect("a value beside it");
                        (model.previous, model.value) = (Some(model.value), other);
                        self.check();
                    }
                    known = Known::default();
                }
                Task::Drop(names) => {
                    // An old value that still works is never forgotten.
                    assert!(self.stage == Stage::Returning || attempt.told == [Answer::Alive, Answer::Dead]);
                    for name in names {
                        if !step(&mut fuel) {
                            return;
                        }
                        self.secrets.get_mut(&name).expect("a secret").previous = None;
                        self.check();
                    }
                }
            }
        }
    }

    /// Writes what the vault has to every place, takes away what does not belong there any more where all of that has
    /// worked, and returns whether every place was seen to run it.
    fn push(&mut self, attempt: &Attempt, fuel: &mut usize) -> Option<bool> {
        let mut all = true;
        // No place loses an old value while nobody can tell whether the new one is alive.
        assert!(self.stage != Stage::Retiring || attempt.told[0] == Answer::Alive);
        for (place, fault) in attempt.faults.iter().enumerate() {
            let stage = self.stage;
            let has = |model: &Model| {
                [model.stored[place], model.running[place]] == [model.value; 2]
                    && [model.stored_beside[place], model.running_beside[place]] == [model.beside(stage); 2]
            };
            if self.secrets.values().all(has) {
                continue;
            }
            for part in [Fault::Down, Fault::NotRolledOut] {
                if !step(fuel) {
                    return None;
                }
                let is_written = !matches!(fault, Fault::Down);
                let is_rolled_out = matches!(fault, Fault::None);
                for model in self.secrets.values_mut() {
                    match part {
                        Fault::Down if is_written => {
                            model.stored[place] = model.value;
                            model.stored_beside[place] = model.beside(stage);
                        }
                        Fault::NotRolledOut if is_rolled_out => {
                            model.running[place] = model.stored[place];
                            model.running_beside[place] = model.stored_beside[place];
                        }
                        _ => {}
                    }
                }
                all &= is_rolled_out;
                self.check();
            }
        }
        Some(all)
    }
}

/// Returns whether it is not killed right before this step.
fn step(fuel: &mut usize) -> bool {
    let left = *fuel > 0;
    *fuel = fuel.saturating_sub(1);
    left
}

proptest! {
    #[test]
    fn however_it_is_interrupted_the_vault_knows_every_value_that_a_place_has(
        attempts in prop::collection::vec(attempt(), 0..12),
    ) {
        let mut simulation = Simulation::new();
        for attempt in &attempts {
            simulation.run(attempt);
            simulation.check();
        }
        let calm = Attempt {
            killed_after: 1000,
            faults: vec![Fault::None; PLACES],
            rollback: false,
            stale: Vec::new(),
            told: [Answer::Alive, Answer::Dead],
            is_early: false,
            is_unread: false,
        };
        simulation.run(&calm);
        prop_assert!(simulation.stage.is_over(), "{simulation:?}");
        for model in simulation.secrets.values() {
            prop_assert!(model.previous.is_none());
            prop_assert!([model.stored_beside, model.running_beside] == [[None; PLACES]; 2], "{:?}", simulation);
            prop_assert_eq!(model.value == 0, simulation.stage == Stage::Abandoned);
            prop_assert!(model.stored.iter().chain(&model.running).all(|value| *value == model.value), "{:?}", simulation);
        }
    }
}
