package main

import (
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"github.com/heliograph/heliograph/fasttext"
)

// progress shows how training goes: a bar on a terminal, a line for each tenth
// elsewhere.
type progress interface {
	read(words int64)
	show(fraction float64, text string)
	say(format string, args ...any) // a line of its own
	end()
}

// newProgress shows the progress of a training on w.
func newProgress(w io.Writer) progress {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return newBar(f)
	}
	return &plainProgress{w: w}
}

// figures words the moving part of the progress of the original's algorithm.
func figures(p fasttext.Progress, epochs int) string {
	return fmt.Sprintf("epoch %d/%d  %s words/s  loss %.4f  lr %.4f  %s left",
		p.Epoch, epochs, short(p.WordsPerSecond), p.Loss, p.LR, p.Remaining.Round(time.Second))
}

// short writes a number with three digits and k or M.
func short(n float64) string {
	switch {
	case n >= 99.95e6:
		return fmt.Sprintf("%.0fM", n/1e6)
	case n >= 999.5e3:
		return fmt.Sprintf("%.1fM", n/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%.0fk", n/1e3)
	}
	return fmt.Sprintf("%.0f", n)
}

type plainProgress struct {
	w      io.Writer
	tenths int // shown
}

func (p *plainProgress) read(int64) {}

func (p *plainProgress) show(fraction float64, text string) {
	if tenths := int(fraction * 10); tenths > p.tenths {
		p.tenths = tenths
		p.say("%3d%%  %s", 10*tenths, text)
	}
}

func (p *plainProgress) say(format string, args ...any) { fmt.Fprintf(p.w, format+"\n", args...) }

func (p *plainProgress) end() {}

type barProgress struct {
	container *mpb.Progress
	bar       *mpb.Bar
	text      atomic.Pointer[string]
	done      bool
}

const barSteps = 1000

func newBar(f *os.File) *barProgress {
	p := &barProgress{
		container: mpb.New(mpb.WithOutput(f), mpb.WithWidth(32), mpb.WithRefreshRate(150*time.Millisecond)),
	}
	p.read(0)
	p.bar = p.container.AddBar(barSteps,
		mpb.PrependDecorators(decor.Percentage(decor.WC{W: 5})),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return *p.text.Load() })),
	)
	return p
}

func (p *barProgress) read(words int64) {
	text := "reading, " + short(float64(words)) + " words"
	p.text.Store(&text)
}

func (p *barProgress) show(fraction float64, text string) {
	p.text.Store(&text)
	p.done = fraction >= 1
	p.bar.SetCurrent(min(int64(fraction*barSteps), barSteps-1)) // the last step is end's
}

func (p *barProgress) say(format string, args ...any) {
	fmt.Fprintf(p.container, format+"\n", args...)
}

func (p *barProgress) end() {
	if p.done {
		p.bar.SetCurrent(barSteps)
	} else {
		p.bar.Abort(false)
	}
	p.container.Wait()
}
