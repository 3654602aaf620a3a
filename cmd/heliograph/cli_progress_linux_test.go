package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestProgressOnATerminalIsABar(t *testing.T) {
	t.Parallel()
	terminal, screen := mustOpenTerminal(t)
	p := newProgress(terminal)
	for i := range 101 {
		now := trainingAt(float64(i) / 100)
		p.show(now.Fraction, figures(now, 10))
		if i == 50 {
			p.say("epoch 5  validation accuracy 0.9")
			time.Sleep(400 * time.Millisecond) // the bar draws by the clock
		}
	}
	p.end()
	terminal.Close()
	drawn := screen()
	for _, want := range []string{"50 % [", "epoch 5/10  3.2M words/s  loss 0.2500  lr 0.2500  10s left", "epoch 5  validation accuracy 0.9", "100 % [", "epoch 10/10"} {
		if !strings.Contains(drawn, want) {
			t.Errorf("%q isn't on the screen:\n%q", want, drawn)
		}
	}
}

// mustOpenTerminal returns a pseudo-terminal and what was drawn on it until it was
// closed.
func mustOpenTerminal(t *testing.T) (*os.File, func() string) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 30, Col: 140}); err != nil {
		t.Fatal(err)
	}
	terminal, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	drawn := make(chan string, 1)
	go func() {
		all, _ := io.ReadAll(master) // ends with EIO when the terminal is closed
		drawn <- string(all)
	}()
	return terminal, func() string { return <-drawn }
}
