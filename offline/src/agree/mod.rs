//! How far two answers to one picture agree (equations 2, 3 and 8 of the paper).
#![allow(missing_docs, unused)]
#[derive(Debug, Clone, PartialEq)]
pub struct Detection {
    pub class: u16,
    pub score: f32,
    pub bbox: [f32; 4],
    pub mask: Option<Runs>,
}
#[derive(Debug, Clone, PartialEq)]
pub struct Annotation {
    pub class: u16,
    pub bbox: [f64; 4],
    pub mask: Option<Runs>,
    pub crowd: bool,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlap {
    Boxes,
    Masks,
}
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Precision {
    pub ap50: f64,
    pub ap75: f64,
    pub ap: f64,
}
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runs;
pub fn canonical(_found: &mut [Detection]) {}
pub struct Reference;
impl Reference {
    pub fn of(clean: &[Detection], threshold: f32, overlap: Overlap) -> Self {
        Self
    }
}
#[derive(Default)]
pub struct Matching;
impl Matching {
    pub fn precision(&mut self, found: &[Detection], truth: &[Annotation], overlap: Overlap) -> Precision {
        todo!()
    }
    pub fn consistency(&mut self, found: &[Detection], reference: &Reference) -> Precision {
        todo!()
    }
}
impl Runs {
    pub fn of_segmentation(_w: u32, _h: u32, _outline: &crate::source::coco::Segmentation) -> Result<Self, String> {
        todo!()
    }
    pub fn text(&self) -> String {
        todo!()
    }
    pub fn from_text(_width: u32, _height: u32, _text: &str) -> Result<Self, String> {
        todo!()
    }
}
