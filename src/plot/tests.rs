use super::*;

fn epoch(number: usize, loss: f64) -> Epoch {
    Epoch { epoch: number, loss, accuracy: None, validation_loss: None, validation_accuracy: None }
}

fn history(losses: &[f64]) -> History {
    History { epochs: losses.iter().enumerate().map(|(i, &loss)| epoch(i + 1, loss)).collect() }
}

fn texts(svg: &str) -> Vec<&str> {
    svg.split("<text").skip(1).map(|rest| rest.split(['>', '<']).nth(1).unwrap().trim()).collect()
}

/// Curves as lists of points: `draw_head` and the axes draw in other colours or with two points.
fn curves(svg: &str, curve: &Curve) -> Vec<Vec<(u32, u32)>> {
    let RGBColor(r, g, b) = curve.colour;
    let stroke = format!("stroke=\"#{r:02X}{g:02X}{b:02X}\"");
    let lines = svg.lines().filter(|line| line.starts_with("<polyline") && line.contains(&stroke));
    let points = lines.map(|line| line.split("points=\"").nth(1).unwrap().split('"').next().unwrap().trim());
    let number = |text: &str| text.parse().unwrap();
    points
        .map(|points| {
            points.split(' ').map(|p| p.split_once(',').unwrap()).map(|(x, y)| (number(x), number(y))).collect()
        })
        // The piece of the curve in the legend.
        .skip(1)
        .collect()
}

#[test]
fn both_panels() {
    let mut history = history(&[2.0, 1.0, 0.5]);
    for epoch in &mut history.epochs {
        epoch.validation_loss = Some(epoch.loss + 0.1);
        epoch.accuracy = Some(1.0 - epoch.loss / 3.0);
        epoch.validation_accuracy = Some(0.5);
    }
    let svg = loss_curve_svg(&history, "a < b & c").unwrap();
    assert!(
        svg.starts_with(r#"<svg width="800" height="548" viewBox="0 0 3200 2192" xmlns="http://www.w3.org/2000/svg">"#)
    );
    assert!(svg.trim_end().ends_with("</svg>"));
    for wanted in
        ["a &lt; b &amp; c", "training", "validation", "loss", "accuracy", "epoch", "1", "2", "3", "1.5", "60%"]
    {
        assert!(texts(&svg).contains(&wanted), "{wanted}: {:?}", texts(&svg));
    }
    for curve in &CURVES {
        // Loss falls and accuracy does not; downwards is the direction of growing y.
        let drawn = curves(&svg, curve);
        assert_eq!(drawn.len(), 2);
        assert!(drawn.iter().all(|points| points.len() == 3 && points.is_sorted_by(|a, b| a.0 < b.0)));
        assert!(drawn[0].is_sorted_by(|a, b| a.1 < b.1));
        assert!(drawn[1].is_sorted_by(|a, b| a.1 >= b.1));
    }
}

#[test]
fn without_accuracy_and_validation() {
    let svg = loss_curve_svg(&history(&[2.0, 1.0]), "").unwrap();
    assert!(svg.starts_with(r#"<svg width="800" height="378""#));
    assert!(!texts(&svg).contains(&"accuracy") && !texts(&svg).contains(&"validation"));
    assert_eq!(curves(&svg, &CURVES[1]).len(), 0);
}

#[test]
fn wide_ranges_are_logarithmic() {
    let svg = loss_curve_svg(&history(&[1.0, 0.1, 0.01, 0.001]), "").unwrap();
    assert!(texts(&svg).contains(&"loss (log scale)"));
    let points = &curves(&svg, &CURVES[0])[0];
    let steps: Vec<u32> = points.windows(2).map(|pair| pair[1].1 - pair[0].1).collect();
    assert!(steps.iter().all(|step| step.abs_diff(steps[0]) <= 1), "{steps:?}");
}

#[test]
fn values_that_cannot_be_drawn_break_the_curve() {
    let svg = loss_curve_svg(&history(&[3.0, 2.0, f64::NAN, 1.5, f64::INFINITY, 1e301, 1.0, 0.9]), "").unwrap();
    assert_eq!(curves(&svg, &CURVES[0]).iter().map(Vec::len).collect::<Vec<_>>(), [2, 1, 2]);
}

#[test]
fn unmeasured_epochs_do_not_break_the_curve() {
    let mut history = history(&[3.0, 2.0, 1.0]);
    history.epochs[0].validation_loss = Some(3.0);
    history.epochs[2].validation_loss = Some(2.0);
    let svg = loss_curve_svg(&history, "").unwrap();
    assert_eq!(curves(&svg, &CURVES[1]).iter().map(Vec::len).collect::<Vec<_>>(), [2]);
}

#[test]
fn single_epoch_is_a_dot() {
    let svg = loss_curve_svg(&history(&[0.0]), "").unwrap();
    assert_eq!(svg.matches("<circle").count(), 1);
}

#[test]
fn nothing_to_draw() {
    assert_eq!(loss_curve_svg(&History::default(), ""), Err(PlotError::Empty));
    assert_eq!(loss_curve_svg(&history(&[f64::NAN, f64::INFINITY]), ""), Err(PlotError::Empty));
}

#[test]
fn long_histories_are_thinned_and_keep_their_peaks() {
    let mut losses = vec![1.0; 50_000];
    losses[33_333] = 2.0;
    let svg = loss_curve_svg(&history(&losses), "").unwrap();
    let points = &curves(&svg, &CURVES[0])[0];
    assert!(points.len() <= MOST_POINTS);
    assert_eq!(points.iter().filter(|point| point.1 < points[0].1).count(), 1);
}

#[test]
fn title_is_cut_and_free_of_control_characters() {
    let svg = loss_curve_svg(&history(&[1.0]), &format!("\0\x1b{}", "ü".repeat(100))).unwrap();
    assert!(!svg.contains(['\0', '\x1b']));
    assert_eq!(texts(&svg)[0], format!("{}…", "ü".repeat(TITLE_CHARS - 2)));
}

proptest::proptest! {
    #[test]
    fn any_history_stays_within_the_picture(
        values in proptest::collection::vec(proptest::array::uniform4(proptest::num::f64::ANY), 0..20),
        first in proptest::prop_oneof![0..5_usize, 0..usize::MAX - 20],
    ) {
        let epochs = values.iter().enumerate().map(|(i, &[loss, accuracy, validation_loss, validation_accuracy])| Epoch {
            epoch: first + i,
            loss,
            accuracy: Some(accuracy),
            validation_loss: Some(validation_loss),
            validation_accuracy: Some(validation_accuracy),
        });
        if let Ok(svg) = loss_curve_svg(&History { epochs: epochs.collect() }, "") {
            for (x, y) in CURVES.iter().flat_map(|curve| curves(&svg, curve)).flatten() {
                proptest::prop_assert!(x <= WIDTH * FINE && y <= (TITLE_HEIGHT + LOSS_HEIGHT + ACCURACY_HEIGHT) * FINE);
            }
        }
    }
}
