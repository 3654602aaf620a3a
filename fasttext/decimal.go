package fasttext

import (
	"math"
	"strconv"
)

// AppendFloat appends a number with so many significant digits, in the form that C and
// C++ programs print it.
func AppendFloat(dst []byte, x float64, digits int) []byte {
	switch {
	case math.IsNaN(x):
		if math.Signbit(x) {
			return append(dst, "-nan"...)
		}
		return append(dst, "nan"...)
	case math.IsInf(x, 1):
		return append(dst, "inf"...)
	case math.IsInf(x, -1):
		return append(dst, "-inf"...)
	}
	if out, ok := appendPlain(dst, x, digits); ok {
		return out
	}
	return strconv.AppendFloat(dst, x, 'g', digits, 64)
}

// What appendPlain knows: numbers from 10 to the power of leastExponent on, in up to mostDigits digits.
const (
	leastExponent = -4
	mostDigits    = 7
)

// powers[i] is 10 to the power of leastExponent + i.
var powers = [...]float64{1e-4, 1e-3, 1e-2, 1e-1, 1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10}

// appendPlain is AppendFloat for most numbers that have no exponent when they are printed; it is several times as fast. It reports
// false for others, and if it can't be sure of the last digit.
func appendPlain(dst []byte, x float64, digits int) ([]byte, bool) {
	a := math.Abs(x)
	if digits < 1 || digits > mostDigits || !(a >= powers[0] && a < powers[digits-leastExponent]) {
		return dst, false
	}
	e := 0 // of the first digit, above leastExponent
	for a >= powers[e+1] {
		e++
	}
	e += leastExponent
	// The product is a number of that many digits before the point; it is exact for values of 32 bits, and within 1e-9 for all.
	scaled := a * powers[digits-1-e-leastExponent]
	n := uint32(scaled)
	switch rest := scaled - float64(n); {
	case rest > 0.5+1e-6:
		n++
	case rest >= 0.5-1e-6:
		return dst, false
	}
	var b [mostDigits]byte
	for i := digits - 1; i >= 0; i-- {
		b[i] = byte('0' + n%10)
		n /= 10
	}
	if n > 0 { // it was rounded up to the next power of ten
		if e++; e == digits {
			return dst, false
		}
		b[0] = '1' // and zeros follow
	}
	last := digits
	for last > 1 && b[last-1] == '0' {
		last--
	}
	if math.Signbit(x) {
		dst = append(dst, '-')
	}
	if e < 0 {
		dst = append(dst, "0.000"[:1-e]...)
		return append(dst, b[:last]...), true
	}
	if last <= e+1 {
		return append(dst, b[:e+1]...), true
	}
	return append(append(append(dst, b[:e+1]...), '.'), b[e+1:last]...), true
}
