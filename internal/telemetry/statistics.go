package telemetry

// Dimension is a name and a value that tell a metric from others of its name.
type Dimension struct{ Name, Value string }

// Sample is what a metric came to in a span of time, in CloudWatch's terms.
type Sample struct {
	Namespace, Name string
	Dimensions      []Dimension
	Unit            string // one of CloudWatch's, such as "Count"; "" is None
	Statistics
}

// Statistics sum up values, as CloudWatch's statistic sets do. The zero value
// sums up none.
type Statistics struct {
	Count, Sum, Min, Max float64
	// Sketch is how the values are distributed; nil if that is not known, and so no percentiles are.
	Sketch *Sketch
}

// Repeated is the statistics of count equal values.
func Repeated(value, count float64) Statistics {
	s := Statistics{Count: count, Sum: value * count, Min: value, Max: value, Sketch: new(Sketch)}
	s.Sketch.Add(value, count)
	return s
}

// Flags is the statistics of count values of which set are 1 and the others 0.
func Flags(set, count float64) Statistics {
	s := Statistics{Count: count, Sum: set, Sketch: new(Sketch)}
	if set > 0 {
		s.Max = 1
		s.Sketch.Add(1, set)
	}
	if count > set {
		s.Sketch.Add(0, count-set)
	} else {
		s.Min = s.Max
	}
	return s
}

// Merge adds the values that o sums up. o stays as it is.
func (s *Statistics) Merge(o Statistics) {
	switch {
	case o.Count == 0:
		return
	case s.Count == 0:
		*s = o
		s.Sketch = o.Sketch.Clone()
		return
	case s.Sketch == nil || o.Sketch == nil:
		s.Sketch = nil
	default:
		s.Sketch.Merge(o.Sketch)
	}
	s.Count += o.Count
	s.Sum += o.Sum
	s.Min, s.Max = min(s.Min, o.Min), max(s.Max, o.Max)
}

// Percentile returns a value that percent of the values are not above, within
// the precision of a Sketch; ok is false if the distribution is not known.
func (s *Statistics) Percentile(percent float64) (v float64, ok bool) {
	if s.Count == 0 || s.Sketch == nil {
		return 0, false
	}
	return min(max(s.Sketch.Quantile(percent/100), s.Min), s.Max), true
}
