use super::constants::Attributes;

/// Windows that move over a map, their padding settled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Window {
    pub(super) kernel: [i64; 2],
    pub(super) strides: [i64; 2],
    pub(super) dilations: [i64; 2],
    /// Above, left, below, right.
    pub(super) pads: [i64; 4],
    /// Pixels of the pads that only rounding up asks for, below and right.
    pub(super) beyond: [i64; 2],
    /// Windows down and across.
    pub(super) count: [usize; 2],
}

impl Window {
    /// The windows of a convolution or pooling node with this `kernel` over a map of `height` and `width`.
    ///
    /// Rounding up (`ceil_mode`) is turned into padding at the end; a window that would lie wholly beyond the map is left
    /// out.
    pub(super) fn of(attributes: &Attributes<'_>, kernel: [i64; 2], map: [usize; 2]) -> Result<Self, String> {
        let strides = attributes.pair("strides", 1)?;
        let dilations = attributes.pair("dilations", 1)?;
        let given = attributes.ints("pads").unwrap_or(&[0; 4]);
        let &[top, left, bottom, right] = given else { return Err(format!("has pads {given:?}")) };
        let mut pads = [top, left, bottom, right];
        let up = attributes.int("ceil_mode", 0) != 0;
        let automatic = attributes.text("auto_pad");
        let (mut beyond, mut count) = ([0; 2], [0; 2]);
        for axis in 0..2 {
            let size = i64::try_from(map[axis]).unwrap_or(i64::MAX);
            let (stride, reach) = (strides[axis], dilations[axis] * (kernel[axis] - 1) + 1);
            if stride < 1 || dilations[axis] < 1 || kernel[axis] < 1 {
                return Err("has a stride, dilation or kernel below 1".to_owned());
            }
            match automatic {
                "" | "NOTSET" => {}
                "VALID" => (pads[axis], pads[axis + 2]) = (0, 0),
                "SAME_UPPER" | "SAME_LOWER" => {
                    let all = ((size + stride - 1) / stride * stride - stride + reach - size).max(0);
                    let (less, more) = (all / 2, all - all / 2);
                    (pads[axis], pads[axis + 2]) = if automatic == "SAME_UPPER" { (less, more) } else { (more, less) };
                }
                other => return Err(format!("has auto_pad {other}, which is not known")),
            }
            if pads[axis] < 0 || pads[axis + 2] < 0 {
                return Err("cuts off pixels by negative pads".to_owned());
            }
            let room = size + pads[axis] + pads[axis + 2] - reach;
            if room < 0 {
                return Err(format!("has windows larger than its map of {}×{}", map[0], map[1]));
            }
            let mut steps = if up { (room + stride - 1) / stride } else { room / stride };
            if up && steps * stride >= size + pads[axis] {
                steps -= 1;
            }
            beyond[axis] = (steps * stride - room).max(0);
            pads[axis + 2] += beyond[axis];
            count[axis] = usize::try_from(steps + 1).unwrap_or(0);
        }
        Ok(Self { kernel, strides, dilations, pads, beyond, count })
    }
}
