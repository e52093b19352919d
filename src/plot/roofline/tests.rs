use super::*;

fn roof(name: &str, rate: f64) -> Roof {
    Roof { name: name.into(), rate }
}

fn example() -> Roofline {
    let point = |name: &str, x, y| (name.to_owned(), x, y);
    Roofline {
        title: "a < b".into(),
        peaks: vec![roof("narrow", 80.0), roof("wide", 160.0)],
        bandwidths: vec![roof("L1", 320.0), roof("memory", 16.0)],
        series: vec![
            RooflineSeries { name: "ours".into(), points: vec![point("small", 0.5, 8.0), point("large", 40.0, 150.0)] },
            RooflineSeries { name: "theirs".into(), points: vec![point("large", 40.0, 100.0)] },
        ],
    }
}

fn texts(svg: &str) -> Vec<&str> {
    svg.split("<text").skip(1).map(|rest| rest.split(['>', '<']).nth(1).unwrap().trim()).collect()
}

/// End points of the lines in the colour of the roofs, legend and axes included.
fn lines(svg: &str) -> Vec<Vec<(f64, f64)>> {
    let inked = svg.lines().filter(|line| line.starts_with("<polyline") && line.contains("stroke=\"#333333\""));
    let points = inked.map(|line| line.split("points=\"").nth(1).unwrap().split('"').next().unwrap().trim());
    points
        .map(|points| {
            points
                .split(' ')
                .map(|p| p.split_once(',').unwrap())
                .map(|(x, y)| (x.parse().unwrap(), y.parse().unwrap()))
                .collect()
        })
        .collect()
}

#[test]
fn everything_has_its_name() {
    let svg = roofline_svg(&example()).unwrap();
    assert!(svg.starts_with(r#"<svg width="1000""#) && svg.trim_end().ends_with("</svg>"));
    let texts = texts(&svg);
    let wanted = ["a &lt; b", "narrow", "wide", "L1", "memory", "ours", "theirs", "small", "large", "1", "2"];
    for name in wanted.into_iter().chain(["wide: 160 GFLOP/s", "narrow: 80.0 GFLOP/s", "memory: 16.0 GB/s"]) {
        assert!(texts.contains(&name), "{name}: {texts:?}");
    }
}

#[test]
fn slopes_rise_to_the_highest_peak_with_the_slope_of_a_line_through_the_origin() {
    let svg = roofline_svg(&example()).unwrap();
    let lines = lines(&svg);
    let slanted: Vec<_> = lines.iter().filter(|line| line[0].0 != line[1].0 && line[0].1 != line[1].1).collect();
    assert_eq!(slanted.len(), 2, "{lines:?}");
    // (Longer than a tick, and not in the legend.)
    let (long, panel_end) = (f64::from(20 * FINE), f64::from((LEFT + PANEL_WIDTH + 10) * FINE));
    let level =
        lines.iter().filter(|line| line[0].1 == line[1].1 && line[1].0 - line[0].0 > long && line[1].0 < panel_end);
    let top = level.map(|line| line[0].1).fold(f64::MAX, f64::min);
    let slope = |line: &[(f64, f64)]| (line[1].1 - line[0].1) / (line[1].0 - line[0].0);
    for line in &slanted {
        assert!((line[1].1 - top).abs() <= 1.0, "ends at {:?}, the peak is at {top}", line[1]);
        assert!((slope(line) / slope(slanted[0]) - 1.0).abs() < 0.02);
    }
}

#[test]
fn texts_do_not_touch() {
    // Thirty products at nearly the same place, and roofs close together.
    let mut crowded = example();
    crowded.peaks.push(roof("wider", 161.0));
    crowded.bandwidths.push(roof("L2", 310.0));
    crowded.bandwidths.push(roof("L3", 17.0));
    let points = (0..30).map(|i| (format!("product {i}"), 20.0 + f64::from(i) / 10.0, 100.0 + f64::from(i))).collect();
    crowded.series.push(RooflineSeries { name: "crowd".into(), points });
    let svg = roofline_svg(&crowded).unwrap();
    let attribute = |text: &str, name: &str| -> f64 {
        text.split(&format!("{name}=\"")).nth(1).unwrap().split('"').next().unwrap().parse().unwrap()
    };
    // Boxes: a letter is about 0.6 of the font's height wide.
    let boxes: Vec<(f64, f64, f64, f64, &str)> = svg
        .split("<text")
        .skip(1)
        .filter(|text| !text.contains("rotate"))
        .map(|text| {
            let (x, y, height) = (attribute(text, "x"), attribute(text, "y"), attribute(text, "font-size"));
            let content = text.split(['>', '<']).nth(1).unwrap().trim();
            let width = 0.55 * height * content.chars().count() as f64;
            let anchor = text.split("text-anchor=\"").nth(1).unwrap().split('"').next().unwrap();
            let left = match anchor {
                "middle" => x - width / 2.0,
                "end" => x - width,
                _ => x,
            };
            (left, left + width, y - height / 2.0, y + height / 2.0, content)
        })
        .collect();
    let names: Vec<_> = boxes.iter().filter(|text| !text.4.is_empty()).collect();
    for (i, a) in names.iter().enumerate() {
        for b in &names[i + 1..] {
            let apart = a.1 <= b.0 || b.1 <= a.0 || (a.2 + a.3 - b.2 - b.3).abs() / 2.0 >= 10.0 * f64::from(FINE);
            assert!(apart, "{a:?} and {b:?}");
        }
    }
}

#[test]
fn what_cannot_be_drawn_is_left_out() {
    let mut odd = example();
    odd.peaks.push(roof("none", 0.0));
    odd.bandwidths.push(roof("unknown", f64::NAN));
    odd.series[0].points.push(("never".into(), f64::INFINITY, 1.0));
    let svg = roofline_svg(&odd).unwrap();
    assert!(["none", "unknown", "never"].iter().all(|name| !texts(&svg).contains(name)));
    assert_eq!(roofline_svg(&Roofline { peaks: Vec::new(), ..example() }), Err(PlotError::Empty));
    assert_eq!(roofline_svg(&Roofline { series: Vec::new(), ..example() }), Err(PlotError::Empty));
    // Without bandwidths, the peaks go through to the left.
    roofline_svg(&Roofline { bandwidths: Vec::new(), ..example() }).unwrap();
}
