package fasttext

import (
	"encoding/binary"
	"math"
	"math/bits"
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

var wholePowers = [...]int64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7}

// leadingZeros is 0.000 in the order of bytes.
const leadingZeros = '0' | '.'<<8 | '0'<<16 | '0'<<24 | '0'<<32

// appendPlain is AppendFloat for most numbers that have no exponent when they are printed; it is more than twice as fast, having few branches
// that depend on the number. It reports false for others, and if it can't be sure of the last digit.
func appendPlain(dst []byte, x float64, digits int) ([]byte, bool) {
	a := math.Abs(x)
	if digits < 1 || digits > mostDigits || !(a >= powers[0] && a < powers[digits-leastExponent]) {
		return dst, false
	}
	// The decimal exponent is that of two times log10(2), or one more.
	e := (int(math.Float64bits(a)>>52) - 1023) * 1233 >> 12
	if a >= powers[e+1-leastExponent] {
		e++
	}
	// The product is a number of that many digits before the point; it is exact for values of 32 bits, and within 1e-9 for all.
	scaled := a * powers[digits-1-e-leastExponent]
	n := int64(scaled + 0.5)
	if math.Abs(scaled-float64(n)) >= 0.5-1e-6 {
		return dst, false
	}
	if n == wholePowers[digits] { // rounded up to the next power of ten
		if e++; e == digits {
			return dst, false
		}
		n /= 10
	}
	text, length := eightDigits(uint64(n * wholePowers[8-digits]))

	at := len(dst)
	dst = append(dst, "-\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"...)
	at += int(math.Float64bits(x) >> 63) // after the sign, or in its place
	if e < 0 {
		binary.LittleEndian.PutUint64(dst[at:], leadingZeros)
		at += 1 - e
		binary.LittleEndian.PutUint64(dst[at:], text)
		return dst[:at+length], true
	}
	whole := 8 * uint(e+1)
	binary.LittleEndian.PutUint64(dst[at:], text&(1<<whole-1)|'.'<<whole|text>>whole<<(whole+8))
	if length <= e+1 {
		return dst[:at+e+1], true
	}
	return dst[:at+length+1], true
}

// eightDigits returns the digits of a number below 10 to the eighth, from the lowest byte on, and how many are left without the
// zeros at the end: at least one, unless the number is 0. Pairs of numbers are divided at once, by multiplying them.
func eightDigits(n uint64) (text uint64, length int) {
	fours := n/10000 | n%10000<<32
	high := fours * 10486 >> 20 & (127<<32 | 127)
	twos := high | (fours-100*high)<<16
	tens := twos * 103 >> 10 & 0x000F000F000F000F
	ones := tens | (twos-10*tens)<<8
	return ones | 0x3030303030303030, 8 - bits.LeadingZeros64(ones)/8
}
