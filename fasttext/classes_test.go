package fasttext

import (
	"context"
	"math"
	"os"
	"testing"
)

// Training classes must give the model that training each row would.
func TestClassesAreOnlyArithmetic(t *testing.T) {
	t.Parallel()
	prepared := func() *trainer {
		f, err := os.Open("testdata/requests.txt")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		args := SupervisedDefaults()
		args.Dim, args.Bucket, args.Minn, args.Maxn, args.WordNgrams, args.Thread = 10, 3000, 2, 4, 2, 1
		args.LR, args.Epoch = 0.5, 5
		tr, err := prepare(context.Background(), f, TrainOptions{Args: args})
		if err != nil {
			t.Fatal(err)
		}
		return tr
	}
	withClasses, plain := prepared(), prepared()
	c := plain.classes
	if n := len(c.ends); n >= len(c.members) {
		t.Fatalf("%d classes of %d rows: none has two", n, len(c.members))
	}
	plain.expander.classes = nil
	plain.classes = nil
	for _, tr := range []*trainer{withClasses, plain} {
		if err := tr.train(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	var moved float64
	for _, m := range [][2]*dense{{withClasses.in, plain.in}, {withClasses.out, plain.out}} {
		for i, want := range m[1].data {
			got := m[0].data[i]
			if math.Abs(float64(got-want)) > 1e-3 {
				t.Fatalf("value %d is %v, want %v", i, got, want)
			}
			moved = max(moved, math.Abs(float64(want)))
		}
	}
	if moved < 0.1 {
		t.Errorf("the weights are no larger than %v: too little was learned to compare", moved)
	}
}
