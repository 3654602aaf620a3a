package policy

import (
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// parseNumber reads a decimal number; the words that Go knows besides, such as
// Inf, are none.
func parseNumber(s string) (float64, bool) {
	if s == "" || len(s) > 64 || strings.Trim(s, "0123456789+-.eE") != "" {
		return 0, false
	}
	n, err := strconv.ParseFloat(s, 64)
	return n, err == nil
}

// dateForms are those of ISO 8601 that the W3C's note allows.
var dateForms = [...]string{
	time.RFC3339Nano, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05", "2006-01-02", "2006-01", "2006",
}

// parseDate reads a date or seconds since 1970; four digits are a year.
func parseDate(s string) (time.Time, bool) {
	if strings.Trim(s, "0123456789.") == "" && len(s) > 4 {
		if seconds, err := strconv.ParseFloat(s, 64); err == nil && seconds < 1<<40 {
			whole := int64(seconds)
			return time.Unix(whole, int64((seconds-float64(whole))*1e9)), true
		}
		return time.Time{}, false
	}
	for _, form := range dateForms {
		if len(s) > 40 || len(form) < len("2006-01-02T15:04Z07:00") && len(s) != len(form) {
			continue
		}
		if t, err := time.Parse(form, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

func parseBool(s string) (value, ok bool) {
	switch {
	case strings.EqualFold(s, "true"):
		return true, true
	case strings.EqualFold(s, "false"):
		return false, true
	}
	return false, false
}

func parsePrefix(s string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Masked(), true
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, false
	}
	a = a.Unmap()
	return netip.PrefixFrom(a, a.BitLen()), true
}
