//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package fasttext

import (
	"errors"
	"os"
)

const canMap = false

func mapFile(*os.File, int) ([]byte, error) { return nil, errors.ErrUnsupported }

func unmap([]byte) error { return errors.ErrUnsupported }
