package fasttext

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
)

// ErrOtherModel means that a calibration was fitted to another model.
var ErrOtherModel = errors.New("the calibration was fitted to another model")

// A Calibration makes the probabilities of one model say how often it is right. Calibrate
// fits it and WithCalibration applies it.
type Calibration struct {
	// Model names the model it was fitted to, by its weights.
	Model string `json:"model"`
	// Examples is how many it was fitted on.
	Examples int `json:"examples"`
	// Temperature divides the scores before the loss turns them into probabilities: above 1
	// for a model that is too sure of itself. The order of labels stays, but with
	// hierarchical softmax.
	Temperature float64 `json:"temperature"`
	// Isotonic is what further becomes of probabilities: points, each a probability before and after, of a
	// curve that is linear between them; nil if the temperature does as well alone.
	Isotonic [][2]float32 `json:"isotonic,omitempty"`
	// CrossValidated is why; nil with less than 100 examples.
	CrossValidated *CrossValidated `json:"cross_validated,omitempty"`
	// Loss is the mean negative log-likelihood of the examples' labels, which the fit makes least.
	// LossAfter is that with the temperature alone.
	LossBefore float64 `json:"loss_before"`
	LossAfter  float64 `json:"loss_after"`
	// The expected calibration error of each example's best label; see Reliability.
	ErrorBefore float64 `json:"expected_calibration_error_before"`
	ErrorAfter  float64 `json:"expected_calibration_error_after"`
	// Thresholds are, for losses that judge each label by itself, the probability
	// from which on a label is to be given, for a high F1. DefaultThreshold is that of
	// the labels not named, which too few examples have; 0 if there are no thresholds.
	Thresholds       map[string]float32 `json:"thresholds,omitempty"`
	DefaultThreshold float32            `json:"default_threshold,omitempty"`
}

// CalibrationPath returns where the calibration of a model file is kept: beside it.
func CalibrationPath(model string) string { return model + ".calibration.json" }

// LoadCalibration reads a file that SaveFile wrote. It is at most 64 MB long.
func LoadCalibration(path string) (*Calibration, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	const most = 64 << 20
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, err
	}
	if len(text) > most {
		return nil, fmt.Errorf("%s: longer than any calibration is (%d bytes)", path, most)
	}
	c, err := ParseCalibration(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// ParseCalibration reads the JSON form of a calibration, strictly.
func ParseCalibration(text []byte) (*Calibration, error) {
	c := &Calibration{}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(c); err != nil {
		return nil, fmt.Errorf("not a calibration: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("not a calibration: there is more after its end")
	}
	if err := c.validate(); err != nil {
		return nil, fmt.Errorf("not a calibration: %w", err)
	}
	return c, nil
}

func (c *Calibration) validate() error {
	if !(c.Temperature >= lowestTemperature && c.Temperature <= highestTemperature) {
		return fmt.Errorf("temperature is %v: want %v to %v", c.Temperature, lowestTemperature, highestTemperature)
	}
	if err := curve(c.Isotonic).validate(); err != nil {
		return err
	}
	for label, th := range c.Thresholds {
		if !(th >= 0 && th <= 1) {
			return fmt.Errorf("the threshold of %s is %v: want 0 to 1", label, th)
		}
	}
	if !(c.DefaultThreshold >= 0 && c.DefaultThreshold <= 1) {
		return fmt.Errorf("default_threshold is %v: want 0 to 1", c.DefaultThreshold)
	}
	return nil
}

// SaveFile writes the calibration as JSON, whole or not at all.
func (c *Calibration) SaveFile(path string) error {
	return WriteFile(path, func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(c)
	})
}

// Reaches reports whether a prediction of the calibrated model reaches its label's
// threshold. Without thresholds all do.
func (c *Calibration) Reaches(p Prediction) bool {
	th, ok := c.Thresholds[p.Label]
	if !ok {
		th = c.DefaultThreshold
	}
	return p.Prob >= th
}

// WithCalibration returns the model with calibrated probabilities. They are exact: without
// the constant that the original adds. It shares the weights of m; whichever of the two
// is closed, both are. The error is ErrOtherModel or says what is wrong in c.
func (m *Model) WithCalibration(c *Calibration) (*Model, error) {
	if m.loss == nil {
		return nil, ErrNotSupervised
	}
	if err := c.validate(); err != nil {
		return nil, err
	}
	name, err := m.fingerprint()
	if err != nil {
		return nil, err
	}
	if name != c.Model {
		return nil, ErrOtherModel
	}
	return m.tempered(c.Temperature, c.Isotonic)
}

// tempered returns a model on the same weights whose scores are divided, and whose probabilities follow the curve.
func (m *Model) tempered(temperature float64, by curve) (*Model, error) {
	t := &Model{args: m.args, dict: m.dict, mapped: m.mapped, in: m.in, out: m.out, quantised: m.quantised, qout: m.qout}
	t.sharpness, t.curve = float32(1/temperature), by
	return t, t.finish(false)
}

// fingerprint names the model by its options, labels and output matrix, which any further
// training changes. The input matrix may be long, and is not read.
func (m *Model) fingerprint() (string, error) {
	held := m.borrow()
	if held == nil {
		return "", ErrClosed
	}
	defer m.giveBack(held)
	sum := sha256.New()
	e := &encoder{w: bufio.NewWriter(sum)}
	e.args(m.args)
	for _, l := range m.labels {
		e.write([]byte(l))
		e.write([]byte{0})
	}
	e.matrix(m.out)
	if e.err == nil {
		e.err = e.w.Flush()
	}
	return hex.EncodeToString(sum.Sum(nil)[:16]), e.err
}

// prob returns the probability of a candidate of rank.
func (m *Model) prob(s *scratch, c candidate) float32 {
	if _, tree := m.loss.(*huffmanLoss); m.sharpness != 0 && !tree {
		return s.scores[c.label]
	}
	return min(probOf(c.score), 1)
}

const lowestTemperature, highestTemperature = 0.01, 100

// bestTemperature returns the temperature at which loss, which is convex in its inverse, is least, by
// golden section over the logarithm.
func bestTemperature(loss func(temperature float64) float64) float64 {
	low, high := math.Log(lowestTemperature), math.Log(highestTemperature)
	golden := (math.Sqrt(5) - 1) / 2
	a, b := high-golden*(high-low), low+golden*(high-low)
	atA, atB := loss(math.Exp(a)), loss(math.Exp(b))
	for high-low > 1e-3 {
		if atA <= atB {
			high, b, atB = b, a, atA
			a = high - golden*(high-low)
			atA = loss(math.Exp(a))
		} else {
			low, a, atA = a, b, atB
			b = low + golden*(high-low)
			atB = loss(math.Exp(b))
		}
	}
	return math.Exp((low + high) / 2)
}
