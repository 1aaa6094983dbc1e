use crate::export::graph::{GraphBuilder, Value};
use crate::export::onnx::Attribute;

/// Number of belief features a view: log p₁, log p₁ − log p₂, entropy, p₁ + … + p₅, p₁.
pub const BELIEF_WIDTH: usize = 5;

/// Place of p₁ among them.
pub const LARGEST_AT: usize = 4;

/// Number of comparison features of a view with the first one: Σ√(pq), q at p's largest class, KL(p‖q).
pub(super) const AGREEMENT_WIDTH: usize = 3;

const LEADERS: i64 = 5;

/// What the classifier makes of one view.
pub(super) struct Belief {
    /// [N, [`BELIEF_WIDTH`]].
    pub(super) features: Value,
    log: Value,
    probability: Value,
    class: Value,
}

/// Softmax, its five largest entries and its entropy, from logits [N, classes].
pub(super) fn belief(b: &mut GraphBuilder, logits: &Value) -> Belief {
    let last = || vec![Attribute::of_int("axis", -1)];
    let log = b.op("LogSoftmax", &[logits], last());
    let probability = b.op("Exp", &[&log], vec![]);
    let k = b.ints(&[LEADERS]);
    let mut top = b.node("", "TopK", &[&log, &k], last(), 2);
    let (indices, leaders) = (top.remove(1), top.remove(0));
    let first = column(b, &leaders, 0);
    let second = column(b, &leaders, 1);
    let class = column(b, &indices, 0);
    let margin = b.op("Sub", &[&first, &second], vec![]);
    let plogp = b.op("Mul", &[&probability, &log], vec![]);
    let negative_entropy = sum(b, &plogp);
    let entropy = b.op("Neg", &[&negative_entropy], vec![]);
    let five = b.op("Exp", &[&leaders], vec![]);
    let five = sum(b, &five);
    let confidence = b.op("Exp", &[&first], vec![]);
    let features = b.op("Concat", &[&first, &margin, &entropy, &five, &confidence], vec![Attribute::of_int("axis", 1)]);
    Belief { features, log, probability, class }
}

/// How far the belief `q` about another view follows the belief `p` about the first: [N, [`AGREEMENT_WIDTH`]].
pub(super) fn agreement(b: &mut GraphBuilder, p: &Belief, q: &Belief) -> Value {
    let product = b.op("Mul", &[&p.probability, &q.probability], vec![]);
    let root = b.op("Sqrt", &[&product], vec![]);
    let overlap = sum(b, &root);
    let kept = b.op("GatherElements", &[&q.probability, &p.class], vec![Attribute::of_int("axis", 1)]);
    let difference = b.op("Sub", &[&p.log, &q.log], vec![]);
    let weighted = b.op("Mul", &[&p.probability, &difference], vec![]);
    let divergence = sum(b, &weighted);
    b.op("Concat", &[&overlap, &kept, &divergence], vec![Attribute::of_int("axis", 1)])
}

fn column(b: &mut GraphBuilder, rows: &Value, index: i64) -> Value {
    let (start, end, axis) = (b.ints(&[index]), b.ints(&[index + 1]), b.ints(&[1]));
    b.op("Slice", &[rows, &start, &end, &axis], vec![])
}

fn sum(b: &mut GraphBuilder, rows: &Value) -> Value {
    let axis = b.ints(&[1]);
    b.op("ReduceSum", &[rows, &axis], vec![Attribute::of_int("keepdims", 1)])
}
