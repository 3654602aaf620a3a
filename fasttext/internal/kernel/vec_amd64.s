//go:build amd64 && !purego

#include "textflag.h"

// Eight words of ones, then eight of zeros: from word 8-n on, a mask of n lanes.
DATA vecMask<>+0(SB)/8, $-1
DATA vecMask<>+8(SB)/8, $-1
DATA vecMask<>+16(SB)/8, $-1
DATA vecMask<>+24(SB)/8, $-1
DATA vecMask<>+32(SB)/8, $0
DATA vecMask<>+40(SB)/8, $0
DATA vecMask<>+48(SB)/8, $0
DATA vecMask<>+56(SB)/8, $0
GLOBL vecMask<>(SB), RODATA|NOPTR, $64

// LOADROWS leaves the pointers to the six rows, a table in P, in R8 to R13.
#define LOADROWS(P) \
	MOVQ 0(P), R8   \
	MOVQ 8(P), R9   \
	MOVQ 16(P), R10 \
	MOVQ 24(P), R11 \
	MOVQ 32(P), R12 \
	MOVQ 40(P), R13

// MASK512 leaves in K1 the lanes of the last, partial block of DX values, in R15 their
// mask, and in DX the values before it.
#define MASK512 \
	MOVQ  DX, CX   \
	ANDQ  $15, CX  \
	MOVQ  $1, R15  \
	SHLQ  CX, R15  \
	DECQ  R15      \
	KMOVW R15, K1  \
	ANDQ  $~15, DX

// MASK256 does the same with blocks of 8; the lanes go to Y15, and R15 is how many there are.
#define MASK256 \
	MOVQ    DX, R15               \
	ANDQ    $7, R15               \
	LEAQ    vecMask<>+32(SB), CX  \
	SHLQ    $2, R15               \
	SUBQ    R15, CX               \
	VMOVUPS (CX), Y15             \
	ANDQ    $~7, DX

// SUMS adds up the eight lanes of each of Y0 to Y5 and stores the six sums at DI.
#define SUMS \
	VHADDPS      Y1, Y0, Y0   \
	VHADDPS      Y3, Y2, Y2   \
	VHADDPS      Y5, Y4, Y4   \
	VHADDPS      Y2, Y0, Y0   \
	VHADDPS      Y4, Y4, Y4   \
	VEXTRACTF128 $1, Y0, X6   \
	VEXTRACTF128 $1, Y4, X7   \
	VADDPS       X6, X0, X0   \
	VADDPS       X7, X4, X4   \
	VMOVUPS      X0, (DI)     \
	VMOVUPS      X4, 16(DI)

#define HALVE(Z, Y) \
	VEXTRACTF64X4 $1, Z, Y7 \
	VADDPS        Y7, Y, Y

// VECTORS goes back to the first input vector of a Learn.
#define VECTORS \
	MOVQ alpha+0(FP), DI \
	MOVQ x+8(FP), SI     \
	MOVQ grad+16(FP), BP \
	MOVQ n+32(FP), AX

// func fanScores512(scores, x *float32, stride, n, dim int, rows *[FanSize]*float32)
TEXT ·fanScores512(SB), NOSPLIT, $0-48
	MOVQ scores+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ stride+16(FP), BX
	SHLQ $2, BX
	MOVQ n+24(FP), AX
	MOVQ dim+32(FP), DX
	MOVQ rows+40(FP), CX
	LOADROWS(CX)
	MASK512

vector:
	VXORPS X0, X0, X0
	VXORPS X1, X1, X1
	VXORPS X2, X2, X2
	VXORPS X3, X3, X3
	VXORPS X4, X4, X4
	VXORPS X5, X5, X5
	XORQ   CX, CX
	TESTQ  DX, DX
	JZ     tail

block:
	VMOVUPS     (SI)(CX*4), Z6
	VFMADD231PS (R8)(CX*4), Z6, Z0
	VFMADD231PS (R9)(CX*4), Z6, Z1
	VFMADD231PS (R10)(CX*4), Z6, Z2
	VFMADD231PS (R11)(CX*4), Z6, Z3
	VFMADD231PS (R12)(CX*4), Z6, Z4
	VFMADD231PS (R13)(CX*4), Z6, Z5
	ADDQ        $16, CX
	CMPQ        CX, DX
	JLT         block

tail:
	TESTQ       R15, R15
	JZ          reduce
	VMOVUPS.Z   (SI)(CX*4), K1, Z6
	VMOVUPS.Z   (R8)(CX*4), K1, Z7
	VMOVUPS.Z   (R9)(CX*4), K1, Z8
	VMOVUPS.Z   (R10)(CX*4), K1, Z9
	VMOVUPS.Z   (R11)(CX*4), K1, Z10
	VMOVUPS.Z   (R12)(CX*4), K1, Z11
	VMOVUPS.Z   (R13)(CX*4), K1, Z12
	VFMADD231PS Z7, Z6, Z0
	VFMADD231PS Z8, Z6, Z1
	VFMADD231PS Z9, Z6, Z2
	VFMADD231PS Z10, Z6, Z3
	VFMADD231PS Z11, Z6, Z4
	VFMADD231PS Z12, Z6, Z5

reduce:
	HALVE(Z0, Y0)
	HALVE(Z1, Y1)
	HALVE(Z2, Y2)
	HALVE(Z3, Y3)
	HALVE(Z4, Y4)
	HALVE(Z5, Y5)
	SUMS
	ADDQ $32, DI
	ADDQ BX, SI
	DECQ AX
	JNZ  vector
	VZEROUPPER
	RET

// func fanScores256(scores, x *float32, stride, n, dim int, rows *[FanSize]*float32)
TEXT ·fanScores256(SB), NOSPLIT, $0-48
	MOVQ scores+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ stride+16(FP), BX
	SHLQ $2, BX
	MOVQ n+24(FP), AX
	MOVQ dim+32(FP), DX
	MOVQ rows+40(FP), CX
	LOADROWS(CX)
	MASK256

vector:
	VXORPS X0, X0, X0
	VXORPS X1, X1, X1
	VXORPS X2, X2, X2
	VXORPS X3, X3, X3
	VXORPS X4, X4, X4
	VXORPS X5, X5, X5
	XORQ   CX, CX
	TESTQ  DX, DX
	JZ     tail

block:
	VMOVUPS     (SI)(CX*4), Y6
	VFMADD231PS (R8)(CX*4), Y6, Y0
	VFMADD231PS (R9)(CX*4), Y6, Y1
	VFMADD231PS (R10)(CX*4), Y6, Y2
	VFMADD231PS (R11)(CX*4), Y6, Y3
	VFMADD231PS (R12)(CX*4), Y6, Y4
	VFMADD231PS (R13)(CX*4), Y6, Y5
	ADDQ        $8, CX
	CMPQ        CX, DX
	JLT         block

tail:
	TESTQ       R15, R15
	JZ          reduce
	VMASKMOVPS  (SI)(CX*4), Y15, Y6
	VMASKMOVPS  (R8)(CX*4), Y15, Y7
	VMASKMOVPS  (R9)(CX*4), Y15, Y8
	VMASKMOVPS  (R10)(CX*4), Y15, Y9
	VMASKMOVPS  (R11)(CX*4), Y15, Y10
	VMASKMOVPS  (R12)(CX*4), Y15, Y11
	VMASKMOVPS  (R13)(CX*4), Y15, Y12
	VFMADD231PS Y7, Y6, Y0
	VFMADD231PS Y8, Y6, Y1
	VFMADD231PS Y9, Y6, Y2
	VFMADD231PS Y10, Y6, Y3
	VFMADD231PS Y11, Y6, Y4
	VFMADD231PS Y12, Y6, Y5

reduce:
	SUMS
	ADDQ $32, DI
	ADDQ BX, SI
	DECQ AX
	JNZ  vector
	VZEROUPPER
	RET

// One input vector's part of a block, in Z12, with its gradient in Z13: the old rows are
// in Z0 to Z5, the new ones in Z6 to Z11, and alpha lies at DI.
#define LEARN512 \
	VFMADD231PS.BCST 0(DI), Z0, Z13   \
	VFMADD231PS.BCST 0(DI), Z12, Z6   \
	VFMADD231PS.BCST 4(DI), Z1, Z13   \
	VFMADD231PS.BCST 4(DI), Z12, Z7   \
	VFMADD231PS.BCST 8(DI), Z2, Z13   \
	VFMADD231PS.BCST 8(DI), Z12, Z8   \
	VFMADD231PS.BCST 12(DI), Z3, Z13  \
	VFMADD231PS.BCST 12(DI), Z12, Z9  \
	VFMADD231PS.BCST 16(DI), Z4, Z13  \
	VFMADD231PS.BCST 16(DI), Z12, Z10 \
	VFMADD231PS.BCST 20(DI), Z5, Z13  \
	VFMADD231PS.BCST 20(DI), Z12, Z11

#define COPY512 \
	VMOVAPS Z0, Z6  \
	VMOVAPS Z1, Z7  \
	VMOVAPS Z2, Z8  \
	VMOVAPS Z3, Z9  \
	VMOVAPS Z4, Z10 \
	VMOVAPS Z5, Z11

// func fanLearn512(alpha, x, grad *float32, stride, n, dim int, rows *[FanSize]*float32)
TEXT ·fanLearn512(SB), NOSPLIT, $8-56
	MOVQ stride+24(FP), BX
	SHLQ $2, BX
	MOVQ dim+40(FP), DX
	MOVQ rows+48(FP), CX
	LOADROWS(CX)
	MASK512
	XORQ CX, CX
	TESTQ DX, DX
	JZ   tail

block:
	VMOVUPS (R8)(CX*4), Z0
	VMOVUPS (R9)(CX*4), Z1
	VMOVUPS (R10)(CX*4), Z2
	VMOVUPS (R11)(CX*4), Z3
	VMOVUPS (R12)(CX*4), Z4
	VMOVUPS (R13)(CX*4), Z5
	COPY512
	VECTORS

vector:
	VMOVUPS (SI)(CX*4), Z12
	VMOVUPS (BP)(CX*4), Z13
	LEARN512
	VMOVUPS Z13, (BP)(CX*4)
	ADDQ    $32, DI
	ADDQ    BX, SI
	ADDQ    BX, BP
	DECQ    AX
	JNZ     vector
	VMOVUPS Z6, (R8)(CX*4)
	VMOVUPS Z7, (R9)(CX*4)
	VMOVUPS Z8, (R10)(CX*4)
	VMOVUPS Z9, (R11)(CX*4)
	VMOVUPS Z10, (R12)(CX*4)
	VMOVUPS Z11, (R13)(CX*4)
	ADDQ    $16, CX
	CMPQ    CX, DX
	JLT     block

tail:
	TESTQ     R15, R15
	JZ        done
	VMOVUPS.Z (R8)(CX*4), K1, Z0
	VMOVUPS.Z (R9)(CX*4), K1, Z1
	VMOVUPS.Z (R10)(CX*4), K1, Z2
	VMOVUPS.Z (R11)(CX*4), K1, Z3
	VMOVUPS.Z (R12)(CX*4), K1, Z4
	VMOVUPS.Z (R13)(CX*4), K1, Z5
	COPY512
	VECTORS

tailVector:
	VMOVUPS.Z (SI)(CX*4), K1, Z12
	VMOVUPS.Z (BP)(CX*4), K1, Z13
	LEARN512
	VMOVUPS   Z13, K1, (BP)(CX*4)
	ADDQ      $32, DI
	ADDQ      BX, SI
	ADDQ      BX, BP
	DECQ      AX
	JNZ       tailVector
	VMOVUPS   Z6, K1, (R8)(CX*4)
	VMOVUPS   Z7, K1, (R9)(CX*4)
	VMOVUPS   Z8, K1, (R10)(CX*4)
	VMOVUPS   Z9, K1, (R11)(CX*4)
	VMOVUPS   Z10, K1, (R12)(CX*4)
	VMOVUPS   Z11, K1, (R13)(CX*4)

done:
	VZEROUPPER
	RET

// The same with eight values at a time and the factor of one row in Y14.
#define FACTOR256(OFF, OLD, NEW) \
	VBROADCASTSS OFF(DI), Y14    \
	VFMADD231PS  Y14, OLD, Y13   \
	VFMADD231PS  Y14, Y12, NEW

#define LEARN256 \
	FACTOR256(0, Y0, Y6)   \
	FACTOR256(4, Y1, Y7)   \
	FACTOR256(8, Y2, Y8)   \
	FACTOR256(12, Y3, Y9)  \
	FACTOR256(16, Y4, Y10) \
	FACTOR256(20, Y5, Y11)

#define COPY256 \
	VMOVAPS Y0, Y6  \
	VMOVAPS Y1, Y7  \
	VMOVAPS Y2, Y8  \
	VMOVAPS Y3, Y9  \
	VMOVAPS Y4, Y10 \
	VMOVAPS Y5, Y11

// func fanLearn256(alpha, x, grad *float32, stride, n, dim int, rows *[FanSize]*float32)
TEXT ·fanLearn256(SB), NOSPLIT, $8-56
	MOVQ stride+24(FP), BX
	SHLQ $2, BX
	MOVQ dim+40(FP), DX
	MOVQ rows+48(FP), CX
	LOADROWS(CX)
	MASK256
	XORQ CX, CX
	TESTQ DX, DX
	JZ   tail

block:
	VMOVUPS (R8)(CX*4), Y0
	VMOVUPS (R9)(CX*4), Y1
	VMOVUPS (R10)(CX*4), Y2
	VMOVUPS (R11)(CX*4), Y3
	VMOVUPS (R12)(CX*4), Y4
	VMOVUPS (R13)(CX*4), Y5
	COPY256
	VECTORS

vector:
	VMOVUPS (SI)(CX*4), Y12
	VMOVUPS (BP)(CX*4), Y13
	LEARN256
	VMOVUPS Y13, (BP)(CX*4)
	ADDQ    $32, DI
	ADDQ    BX, SI
	ADDQ    BX, BP
	DECQ    AX
	JNZ     vector
	VMOVUPS Y6, (R8)(CX*4)
	VMOVUPS Y7, (R9)(CX*4)
	VMOVUPS Y8, (R10)(CX*4)
	VMOVUPS Y9, (R11)(CX*4)
	VMOVUPS Y10, (R12)(CX*4)
	VMOVUPS Y11, (R13)(CX*4)
	ADDQ    $8, CX
	CMPQ    CX, DX
	JLT     block

tail:
	TESTQ      R15, R15
	JZ         done
	VMASKMOVPS (R8)(CX*4), Y15, Y0
	VMASKMOVPS (R9)(CX*4), Y15, Y1
	VMASKMOVPS (R10)(CX*4), Y15, Y2
	VMASKMOVPS (R11)(CX*4), Y15, Y3
	VMASKMOVPS (R12)(CX*4), Y15, Y4
	VMASKMOVPS (R13)(CX*4), Y15, Y5
	COPY256
	VECTORS

tailVector:
	VMASKMOVPS (SI)(CX*4), Y15, Y12
	VMASKMOVPS (BP)(CX*4), Y15, Y13
	LEARN256
	VMASKMOVPS Y13, Y15, (BP)(CX*4)
	ADDQ       $32, DI
	ADDQ       BX, SI
	ADDQ       BX, BP
	DECQ       AX
	JNZ        tailVector
	VMASKMOVPS Y6, Y15, (R8)(CX*4)
	VMASKMOVPS Y7, Y15, (R9)(CX*4)
	VMASKMOVPS Y8, Y15, (R10)(CX*4)
	VMASKMOVPS Y9, Y15, (R11)(CX*4)
	VMASKMOVPS Y10, Y15, (R12)(CX*4)
	VMASKMOVPS Y11, Y15, (R13)(CX*4)

done:
	VZEROUPPER
	RET

// func axpy512(dst, x *float32, n int, a float32)
TEXT ·axpy512(SB), NOSPLIT, $0-28
	MOVQ         dst+0(FP), DI
	MOVQ         x+8(FP), SI
	MOVQ         n+16(FP), DX
	VBROADCASTSS a+24(FP), Z0
	MASK512
	XORQ         CX, CX
	TESTQ        DX, DX
	JZ           tail

block:
	VMOVUPS     (DI)(CX*4), Z1
	VFMADD231PS (SI)(CX*4), Z0, Z1
	VMOVUPS     Z1, (DI)(CX*4)
	ADDQ        $16, CX
	CMPQ        CX, DX
	JLT         block

tail:
	TESTQ       R15, R15
	JZ          done
	VMOVUPS.Z   (DI)(CX*4), K1, Z1
	VMOVUPS.Z   (SI)(CX*4), K1, Z2
	VFMADD231PS Z2, Z0, Z1
	VMOVUPS     Z1, K1, (DI)(CX*4)

done:
	VZEROUPPER
	RET

// func axpy256(dst, x *float32, n int, a float32)
TEXT ·axpy256(SB), NOSPLIT, $0-28
	MOVQ         dst+0(FP), DI
	MOVQ         x+8(FP), SI
	MOVQ         n+16(FP), DX
	VBROADCASTSS a+24(FP), Y0
	MASK256
	XORQ         CX, CX
	TESTQ        DX, DX
	JZ           tail

block:
	VMOVUPS     (DI)(CX*4), Y1
	VFMADD231PS (SI)(CX*4), Y0, Y1
	VMOVUPS     Y1, (DI)(CX*4)
	ADDQ        $8, CX
	CMPQ        CX, DX
	JLT         block

tail:
	TESTQ       R15, R15
	JZ          done
	VMASKMOVPS  (DI)(CX*4), Y15, Y1
	VMASKMOVPS  (SI)(CX*4), Y15, Y2
	VFMADD231PS Y2, Y0, Y1
	VMASKMOVPS  Y1, Y15, (DI)(CX*4)

done:
	VZEROUPPER
	RET
