package triage_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/heliograph/heliograph/internal/errs"
	"github.com/heliograph/heliograph/internal/triage"
)

// classifier answers by the endpoint's name.
type classifier map[string][]triage.Probability

func (c classifier) Classify(_ context.Context, endpoint, _ string, k int) ([]string, []float64, error) {
	probabilities, ok := c[endpoint]
	if !ok {
		return nil, nil, errs.New(errs.Unavailable, "EndpointUnavailable", "The endpoint %q does not exist.", endpoint)
	}
	if k != 0 {
		return nil, nil, fmt.Errorf("asked for %d labels, not all", k)
	}
	var labels []string
	var values []float64
	for _, p := range probabilities {
		labels, values = append(labels, p.Label), append(values, p.Probability)
	}
	return labels, values, nil
}

// distribution reads "technical 0.9, billing 0.1".
func distribution(t *testing.T, text string) []triage.Probability {
	t.Helper()
	var out []triage.Probability
	for part := range strings.SplitSeq(text, ",") {
		label, value, _ := strings.Cut(strings.TrimSpace(part), " ")
		p, err := strconv.ParseFloat(value, 64)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		out = append(out, triage.Probability{Label: label, Probability: p})
	}
	return out
}

// The worked examples of the documentation are what the code computes.
func TestWorkedExamples(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/triage.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(page), "| category | urgency | tone | urgency | tone | category | caution | priority |\n|---|---|---|---|---|---|---|---|\n")
	if !ok {
		t.Fatal("docs/triage.md has no table of worked examples")
	}
	table, _, _ = strings.Cut(table, "\n\n")
	examples := 0
	for line := range strings.SplitSeq(strings.TrimSpace(table), "\n") {
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		if len(cells) != 8 {
			t.Fatalf("%s has %d cells", line, len(cells))
		}
		points, err := triage.Score(distribution(t, cells[0]), distribution(t, cells[1]), distribution(t, cells[2]))
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		got := fmt.Sprintf("%.2f | %.2f | %.2f | %.2f | %d", points.Urgency, points.Tone, points.Category, points.Caution, points.Priority())
		if want := strings.Join(cells[3:], " | "); got != want {
			t.Errorf("%s: computed %s", line, got)
		}
		examples++
	}
	if examples < 10 {
		t.Errorf("only %d examples", examples)
	}
}

// Moving probability to a label of more weight never lowers the priority, and
// the priority stays between 0 and 100.
func TestPriorityIsMonotonic(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	orders := [3][]string{
		{"general", "billing", "technical"},
		{"low", "normal", "high", "critical"},
		{"neutral", "frustrated", "worried", "angry"},
	}
	draw := func(labels []string) []triage.Probability {
		out := make([]triage.Probability, len(labels))
		total := 0.0
		for i := range out {
			p := random.ExpFloat64() * float64(random.IntN(4)+1)
			out[i] = triage.Probability{Label: labels[i], Probability: p}
			total += p
		}
		for i := range out {
			out[i].Probability /= total
		}
		return out
	}
	score := func(d [3][]triage.Probability) triage.Points {
		p, err := triage.Score(d[0], d[1], d[2])
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for range 20_000 {
		var d [3][]triage.Probability
		for i := range d {
			d[i] = draw(orders[i])
		}
		before := score(d)
		moved := random.IntN(3)
		from := random.IntN(len(orders[moved]) - 1)
		to := from + 1 + random.IntN(len(orders[moved])-from-1)
		amount := d[moved][from].Probability * random.Float64()
		d[moved][from].Probability -= amount
		d[moved][to].Probability += amount
		after := score(d)
		if after.Priority() < before.Priority() {
			t.Fatalf("moving %.3f from %s to %s lowers the priority from %+v to %+v", amount, orders[moved][from], orders[moved][to], before, after)
		}
		if p := after.Priority(); p < 0 || p > 100 {
			t.Fatalf("priority %d of %+v", p, d)
		}
	}
}

func whole() classifier {
	return classifier{
		"category": {{Label: "technical", Probability: .93}, {Label: "billing", Probability: .05}, {Label: "general", Probability: .02}},
		"urgency":  {{Label: "high", Probability: .5}, {Label: "normal", Probability: .4}, {Label: "critical", Probability: .1}},
		"tone":     {{Label: "angry", Probability: .8}, {Label: "neutral", Probability: .2}},
	}
}

func TestTriage(t *testing.T) {
	t.Parallel()
	r, err := triage.New(whole(), triage.Config{}).Triage(t.Context(), "Nothing works!")
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"category":{"label":"technical","probability":0.93,"probabilities":[{"label":"technical","probability":0.93},{"label":"billing","probability":0.05},{"label":"general","probability":0.02}]},` +
		`"urgency":{"label":"high","probability":0.5,"probabilities":[{"label":"high","probability":0.5},{"label":"normal","probability":0.4},{"label":"critical","probability":0.1}]},` +
		`"tone":{"label":"angry","probability":0.8,"probabilities":[{"label":"angry","probability":0.8},{"label":"neutral","probability":0.2}]},` +
		`"priority":65,"reason":"Answer soon: a technical request (93%) of high urgency (50%), in an angry tone (80%). The urgency is in doubt between high (50%) and normal (40%), which adds 7 points to be safe.",` +
		`"points":{"urgency":42,"tone":12,"category":4.8,"caution":6.67},"model":{"category":"category","urgency":"urgency","tone":"tone"}}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestOtherEndpoints(t *testing.T) {
	t.Parallel()
	c := whole()
	c["how-soon"] = []triage.Probability{{Label: "critical", Probability: 1}}
	r, err := triage.New(c, triage.Config{Urgency: "how-soon"}).Triage(t.Context(), "x")
	if err != nil || r.Urgency.Label != "critical" || r.Model.Urgency != "how-soon" || !strings.HasPrefix(r.Reason, "Answer first: ") || strings.Contains(r.Reason, "doubt") {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestTriageFails(t *testing.T) {
	t.Parallel()
	without := func(names ...string) classifier {
		c := whole()
		for _, name := range names {
			delete(c, name)
		}
		return c
	}
	with := func(name string, p ...triage.Probability) classifier {
		c := whole()
		c[name] = p
		return c
	}
	for name, c := range map[string]struct {
		classifier triage.Classifier
		text       string
		kind       errs.Kind
		want       []string
	}{
		"empty":         {whole(), " \n", errs.Invalid, []string{"empty"}},
		"bytes":         {whole(), "a\xff", errs.Invalid, []string{"UTF-8"}},
		"one missing":   {without("tone"), "x", errs.Unavailable, []string{`no answer for tone.`, `"tone" does not exist`}},
		"two missing":   {without("tone", "category"), "x", errs.Unavailable, []string{`category, tone`, `"tone" does not exist`, `"category" does not exist`}},
		"no words":      {with("category"), "x", errs.Invalid, []string{`"category" knows none of its words`}},
		"other urgency": {with("urgency", triage.Probability{Label: "P1", Probability: 1}), "x", errs.Unavailable, []string{`"urgency" doesn't fit`, `"P1"`, "low, normal, high and critical"}},
		"no urgency":    {with("urgency", triage.Probability{Label: "low"}), "x", errs.Unavailable, []string{"no urgency any probability"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := triage.New(c.classifier, triage.Config{}).Triage(t.Context(), c.text)
			if errs.KindOf(err) != c.kind {
				t.Fatalf("got %v", err)
			}
			for _, part := range c.want {
				if !strings.Contains(errs.MessageOf(err), part) {
					t.Errorf("%q does not say %s", errs.MessageOf(err), part)
				}
			}
		})
	}
}

type broken struct{ error }

func (b broken) Classify(context.Context, string, string, int) ([]string, []float64, error) {
	return nil, nil, b.error
}

// A fault is the operator's to see, not the caller's.
func TestFaultsKeepTheirCause(t *testing.T) {
	t.Parallel()
	cause := errors.New("the disk is on fire")
	_, err := triage.New(broken{cause}, triage.Config{}).Triage(t.Context(), "x")
	if !errors.Is(err, cause) || errs.KindOf(err) != errs.Internal {
		t.Errorf("got %v", err)
	}
}

type panicking struct{}

func (panicking) Classify(context.Context, string, string, int) ([]string, []float64, error) {
	panic("out of range")
}

func TestAPanicEndsOneRequestOnly(t *testing.T) {
	t.Parallel()
	_, err := triage.New(panicking{}, triage.Config{}).Triage(t.Context(), "x")
	if errs.KindOf(err) != errs.Internal || !strings.Contains(fmt.Sprint(err), "out of range") || strings.Contains(errs.MessageOf(err), "out of range") {
		t.Errorf("got %v", err)
	}
}

// together answers only when all three questions have been asked.
type together struct {
	classifier
	asked *sync.WaitGroup
}

func (c together) Classify(ctx context.Context, endpoint, text string, k int) ([]string, []float64, error) {
	c.asked.Done()
	c.asked.Wait()
	return c.classifier.Classify(ctx, endpoint, text, k)
}

func TestEndpointsAreAskedAtTheSameTime(t *testing.T) {
	t.Parallel()
	var asked sync.WaitGroup
	asked.Add(3)
	done := make(chan error, 1)
	go func() {
		_, err := triage.New(together{whole(), &asked}, triage.Config{}).Triage(t.Context(), "x")
		done <- err
	}()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the endpoints are asked one after the other")
	}
}
