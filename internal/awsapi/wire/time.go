package wire

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"math/big"
	"strconv"
	"time"
)

// Time is a moment as the protocols write it. In JSON and CBOR that is seconds since the epoch as a
// number, with milliseconds behind the point when there are any; in XML and forms, RFC 3339. Declare members
// with ",omitzero". Reading takes any JSON number between the years 1 and 9999
// and keeps microseconds.
type Time time.Time

// IsZero reports whether t was never set.
func (t Time) IsZero() bool { return time.Time(t).IsZero() }

// Std is t as the standard library has it.
func (t Time) Std() time.Time { return time.Time(t) }

// MarshalJSON writes epoch seconds.
func (t Time) MarshalJSON() ([]byte, error) {
	ms := time.Time(t).UnixMilli()
	b := make([]byte, 0, 20)
	if ms < 0 {
		b, ms = append(b, '-'), -ms
	}
	b = strconv.AppendInt(b, ms/1000, 10)
	if f := ms % 1000; f != 0 {
		b = append(b, '.', byte('0'+f/100), byte('0'+f/10%10), byte('0'+f%10))
	}
	return b, nil
}

// MarshalXML writes t as Query services do, and nothing if it was never set.
func (t Time) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	if t.IsZero() {
		return nil
	}
	return e.EncodeElement(time.Time(t).UTC().Format("2006-01-02T15:04:05.000Z"), start)
}

// UnmarshalJSON reads epoch seconds; null leaves t as it is.
func (t *Time) UnmarshalJSON(b []byte) error {
	if bytes.Equal(b, []byte("null")) {
		return nil
	}
	if len(b) == 0 || b[0] == '"' || len(b) > 64 {
		return fmt.Errorf("a timestamp must be a number of seconds since 1970-01-01T00:00:00Z")
	}
	// A float64 holds today's seconds with a microsecond or better only by luck,
	// so the decimal is read exactly. The exponent is bounded first.
	f, err := strconv.ParseFloat(string(b), 64)
	if err != nil || f < -62135596800 || f > 253402300799 {
		return fmt.Errorf("the timestamp %s is not a number of seconds between the years 1 and 9999", b)
	}
	exact := new(big.Rat)
	if f <= -1e-6 || f >= 1e-6 { // smaller ones are zero here, and their exponents may be huge
		if _, ok := exact.SetString(string(b)); !ok {
			return fmt.Errorf("the timestamp %s is not a number", b)
		}
	}
	exact.Mul(exact, big.NewRat(1e6, 1))
	us := new(big.Int).Quo(exact.Num(), exact.Denom())
	*t = Time(time.UnixMicro(us.Int64()).UTC())
	return nil
}
