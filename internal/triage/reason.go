package triage

import (
	"fmt"
	"strings"
)

// The bands of priority, from the highest down: what to do from that priority on.
var bands = [...]struct {
	from int
	do   string
}{
	{80, "Answer first"},
	{55, "Answer soon"},
	{25, "Answer in turn"},
	{0, "Answer when there is time"},
}

// waver is from how many points of caution on the reason mentions the doubt.
const waver = 3

// reason words why r has its priority.
func reason(r Result) string {
	var out strings.Builder
	for _, band := range bands {
		if r.Priority >= band.from {
			out.WriteString(band.do)
			break
		}
	}
	fmt.Fprintf(&out, ": %s request (%s) of %s urgency (%s), in %s tone (%s).",
		article(r.Category.Label), percent(r.Category.Probability),
		r.Urgency.Label, percent(r.Urgency.Probability),
		article(r.Tone.Label), percent(r.Tone.Probability))
	if u := r.Urgency.Probabilities; r.Points.Caution >= waver && len(u) > 1 {
		fmt.Fprintf(&out, " The urgency is in doubt between %s (%s) and %s (%s), which adds %.0f points to be safe.",
			u[0].Label, percent(u[0].Probability), u[1].Label, percent(u[1].Probability), r.Points.Caution)
	}
	return out.String()
}

func article(label string) string {
	if label != "" && strings.ContainsRune("aeiouAEIOU", rune(label[0])) {
		return "an " + label
	}
	return "a " + label
}

// percent rounds, but not to certainty.
func percent(p float64) string {
	if p >= 0.995 && p < 1 {
		return ">99%"
	}
	return fmt.Sprintf("%.0f%%", 100*p)
}
