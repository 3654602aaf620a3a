package fasttext_test

import (
	"context"
	"fmt"
	"log"
	"math"

	"github.com/heliograph/heliograph/fasttext"
)

func ExampleOpen() {
	m, err := fasttext.Open("testdata/golden/softmax.bin")
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	for _, p := range m.Predict(nil, "why was i charged twice for the same month ?", 1, 0) {
		fmt.Println(p.Label)
	}
	// Output: __label__billing
}

func ExampleModel_Explain() {
	m, err := fasttext.Open("testdata/golden/softmax.bin")
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	e := m.Explain("my invoice", 1)
	score := e.Labels[0].Base
	for _, f := range e.Features {
		fmt.Println(f.Kind, f.Text)
		score += f.Contributions[0]
	}
	fmt.Println("they add up to the score:", math.Abs(score-e.Labels[0].Score) < 1e-9)
	// Output:
	// word my
	// word invoice
	// line end </s>
	// word n-gram my invoice
	// word n-gram invoice </s>
	// they add up to the score: true
}

func ExampleModel_Calibrate() {
	m, err := fasttext.Open("testdata/golden/softmax.bin")
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	heldOut := func(yield func(text string, labels []string) bool) {
		_ = yield("an invoice that is too high", []string{"__label__billing"}) &&
			yield("charged twice", []string{"__label__billing"}) &&
			yield("my card is lost", []string{"__label__card"})
	}
	c, err := m.Calibrate(context.Background(), heldOut)
	if err != nil {
		log.Fatal(err)
	}
	m, err = m.WithCalibration(c)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(c.Examples, "examples;", m.Predict(nil, "why was i charged twice for the same month ?", 1, 0)[0].Label)
	// Output: 3 examples; __label__billing
}
