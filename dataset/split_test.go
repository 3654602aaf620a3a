package dataset

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// manyRows makes n rows with labels of very different frequency and some texts twice.
func manyRows(n int, several bool) []Row {
	random := rand.New(rand.NewPCG(1, 2))
	rows := make([]Row, n)
	for i := range rows {
		label := func() string { return fmt.Sprintf("l%d", int(math.Floor(math.Pow(random.Float64(), 3)*12))) }
		rows[i] = Row{Labels: []string{label()}, Text: fmt.Sprintf("Text number %d", i), Line: i + 1}
		if several && i%3 == 0 {
			if second := label(); second != rows[i].Labels[0] {
				rows[i].Labels = append(rows[i].Labels, second)
			}
		}
		if i%10 == 9 {
			rows[i].Text = fmt.Sprintf(" text NUMBER %d ", i-5)
			rows[i].Labels = rows[i-5].Labels
		}
	}
	return rows
}

func labelCounts(rows []Row) map[string]int {
	counts := map[string]int{}
	for _, row := range rows {
		for _, label := range row.Labels {
			counts[label]++
		}
	}
	return counts
}

func texts(rows []Row) map[string]bool {
	set := map[string]bool{}
	for _, row := range rows {
		set[Normalize(row.Text)] = true
	}
	return set
}

func TestSplit(t *testing.T) {
	t.Parallel()
	for _, several := range []bool{false, true} {
		for _, n := range []int{30, 300, 5000} {
			for _, fraction := range []float64{0.1, 0.2, 0.5, 0.8} {
				t.Run(fmt.Sprint(several, n, fraction), func(t *testing.T) {
					t.Parallel()
					rows := manyRows(n, several)
					train, validation, err := Split(rows, fraction, 7)
					if err != nil {
						t.Fatal(err)
					}
					checkParts(t, rows, train, validation)
					all, held := labelCounts(rows), labelCounts(validation)
					for label, count := range all {
						if want := fraction * float64(count); math.Abs(float64(held[label])-want) > 2+0.02*want {
							t.Errorf("label %s: %d of %d held, want about %.1f", label, held[label], count, want)
						}
						if !several && held[label] == 0 && distinct(withLabel(rows, label)) > 1 {
							t.Errorf("label %s isn't in validation", label)
						}
						if !several && held[label] == count {
							t.Errorf("label %s isn't in training", label)
						}
					}
				})
			}
		}
	}
}

func withLabel(rows []Row, label string) []Row {
	return slices.DeleteFunc(slices.Clone(rows), func(row Row) bool { return !slices.Contains(row.Labels, label) })
}

// checkParts checks that two parts make up the rows, in order, and share no text.
func checkParts(t *testing.T, rows, a, b []Row) {
	t.Helper()
	if len(a)+len(b) != len(rows) {
		t.Fatalf("%d + %d rows of %d", len(a), len(b), len(rows))
	}
	byLine := func(x, y Row) int { return x.Line - y.Line }
	if !slices.IsSortedFunc(a, byLine) || !slices.IsSortedFunc(b, byLine) {
		t.Error("the order has changed")
	}
	other := texts(b)
	for text := range texts(a) {
		if other[text] {
			t.Errorf("%q is on both sides", text)
		}
	}
}

// The lines that a split holds back are the same on every machine and in every
// version: who splits with a seed today gets the same parts tomorrow.
func TestSplitIsReproducible(t *testing.T) {
	t.Parallel()
	held := func(seed uint64) (lines []int) {
		_, validation, err := Split(manyRows(60, false), 0.15, seed)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range validation {
			lines = append(lines, row.Line)
		}
		return lines
	}
	want := []int{5, 10, 14, 16, 18, 21, 24, 27, 28, 36, 38, 49, 54}
	if got := held(1); !slices.Equal(got, want) {
		t.Errorf("seed 1 holds lines %v, want %v", got, want)
	}
	if slices.Equal(held(1), held(2)) {
		t.Error("two seeds hold the same lines")
	}
}

func TestSplitRareLabels(t *testing.T) {
	t.Parallel()
	rows := []Row{
		{Labels: []string{"pair"}, Text: "one"}, {Labels: []string{"pair"}, Text: "two"},
		{Labels: []string{"single"}, Text: "three"},
		{Labels: []string{"copies"}, Text: "same"}, {Labels: []string{"copies"}, Text: "SAME"}, {Labels: []string{"copies"}, Text: "same "},
		{Text: "unlabelled"}, {Text: "unlabelled too"},
	}
	for seed := range uint64(20) {
		for _, fraction := range []float64{0.01, 0.5, 0.99} {
			train, validation, err := Split(rows, fraction, seed)
			if err != nil {
				t.Fatal(err)
			}
			trained, held := labelCounts(train), labelCounts(validation)
			if trained["pair"] != 1 || held["pair"] != 1 || trained["single"] != 1 || trained["copies"] != 3 {
				t.Errorf("seed %d, fraction %v: training has %v, validation %v", seed, fraction, trained, held)
			}
		}
	}
}

func TestSplitErrors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rows     []Row
		fraction float64
		want     string
	}{
		{manyRows(20, false), 0, "the fraction 0 isn't between 0 and 1"},
		{manyRows(20, false), 1, "the fraction 1 isn't between 0 and 1"},
		{manyRows(20, false), math.NaN(), "the fraction NaN isn't between 0 and 1"},
		{[]Row{{Text: "a"}, {Text: "A"}}, 0.5, "2 rows with 1 distinct texts are too few to hold 0.5 of them back"},
		{nil, 0.5, "0 rows with 0 distinct texts are too few to hold 0.5 of them back"},
	} {
		if _, _, err := Split(test.rows, test.fraction, 1); err == nil || err.Error() != test.want {
			t.Errorf("error %v, want %v", err, test.want)
		}
	}
}

func TestFolds(t *testing.T) {
	t.Parallel()
	rows := manyRows(1000, false)
	folds, err := Folds(rows, 5, 3)
	if err != nil {
		t.Fatal(err)
	}
	validated := map[int]int{}
	for _, fold := range folds {
		checkParts(t, rows, fold.Train, fold.Validation)
		if n := len(fold.Validation); n < 190 || n > 210 {
			t.Errorf("a fold of %d rows", n)
		}
		for label, count := range labelCounts(rows) {
			held := labelCounts(fold.Validation)[label]
			if math.Abs(float64(held)-float64(count)/5) > 2 {
				t.Errorf("label %s: %d of %d in a fold", label, held, count)
			}
		}
		for _, row := range fold.Validation {
			validated[row.Line]++
		}
	}
	for _, row := range rows {
		if validated[row.Line] != 1 {
			t.Fatalf("row %d is validated %d times", row.Line, validated[row.Line])
		}
	}
	if _, err := Folds(rows, 1, 3); err == nil {
		t.Error("one fold is accepted")
	}
	if _, err := Folds(rows[:3], 5, 3); err == nil || err.Error() != "3 distinct texts are too few for 5 folds" {
		t.Error(err)
	}
}

func BenchmarkSplit(b *testing.B) {
	rows := manyRows(100_000, true)
	for b.Loop() {
		if _, _, err := Split(rows, 0.2, 1); err != nil {
			b.Fatal(err)
		}
	}
}
