//go:build amd64 && !purego

#include "go_asm.h"
#include "textflag.h"

// func unpack512(dst *int32, units *uint16, n int) (words int)
TEXT ·unpack512(SB), NOSPLIT, $0-32
	MOVQ         dst+0(FP), DI
	MOVQ         units+8(FP), SI
	MOVQ         n+16(FP), CX
	MOVQ         DI, DX
	MOVL         $0x8000, AX
	VPBROADCASTD AX, Z31

// Sixteen units, up to the first of a wide number. All are stored: there are never more numbers than units.
block:
	CMPQ      CX, $16
	JLT       one
	VPMOVZXWD (SI), Z0
	VPTESTMD  Z31, Z0, K1
	VMOVDQU32 Z0, (DI)
	KMOVW     K1, AX
	TESTL     AX, AX
	JNZ       wide
	ADDQ      $32, SI
	ADDQ      $64, DI
	SUBQ      $16, CX
	JMP       block

wide:
	BSFL AX, AX
	LEAQ (SI)(AX*2), SI
	LEAQ (DI)(AX*4), DI
	SUBQ AX, CX

one:
	TESTQ   CX, CX
	JZ      done
	MOVWLZX (SI), AX
	TESTL   $0x8000, AX
	JNZ     two
	MOVL    AX, (DI)
	ADDQ    $2, SI
	ADDQ    $4, DI
	DECQ    CX
	JMP     one

two:
	CMPQ    CX, $2
	JLT     done
	ANDL    $0x7FFF, AX
	SHLL    $16, AX
	MOVWLZX 2(SI), BX
	ORL     BX, AX
	MOVL    AX, (DI)
	ADDQ    $4, SI
	ADDQ    $4, DI
	SUBQ    $2, CX
	JMP     block

done:
	SUBQ DX, DI
	SHRQ $2, DI
	MOVQ DI, words+24(FP)
	VZEROUPPER
	RET

// func gather512(dst, table *uint32, limit int, places *int32, n int) (ok bool)
TEXT ·gather512(SB), NOSPLIT, $0-41
	MOVQ         dst+0(FP), DI
	MOVQ         table+8(FP), R8
	MOVQ         limit+16(FP), AX
	MOVQ         places+24(FP), SI
	MOVQ         n+32(FP), CX
	VPBROADCASTD AX, Z31

block:
	CMPQ       CX, $16
	JLT        rest
	VMOVDQU32  (SI), Z0
	VPCMPUD    $5, Z31, Z0, K2
	KORTESTW   K2, K2
	JNZ        bad
	KXNORW     K1, K1, K1
	VPGATHERDD (R8)(Z0*4), K1, Z1
	VMOVDQU32  Z1, (DI)
	ADDQ       $64, SI
	ADDQ       $64, DI
	SUBQ       $16, CX
	JMP        block

rest:
	TESTQ       CX, CX
	JZ          good
	MOVL        $1, AX
	SHLL        CX, AX
	DECL        AX
	KMOVW       AX, K3
	VMOVDQU32.Z (SI), K3, Z0
	VPCMPUD     $5, Z31, Z0, K3, K2
	KORTESTW    K2, K2
	JNZ         bad
	KMOVW       K3, K1
	VPGATHERDD  (R8)(Z0*4), K1, Z1
	VMOVDQU32   Z1, K3, (DI)

good:
	MOVB $1, ok+40(FP)
	VZEROUPPER
	RET

bad:
	MOVB $0, ok+40(FP)
	VZEROUPPER
	RET

// PAIRS turns eight hashes in Z0 and those of the words after them in Z1, of 64 bits, into rows in Z2. The hash h of the pair is
// taken modulo the number of buckets as a signed number: its quotient, of 51 bits at most and wrong by less than 0.4, is rounded to the
// nearest number, and leaves a rest between minus and plus that number. Negative hashes stand for 1<<64 more.
#define PAIRS \
	VPMULDQ   Z16, Z0, Z0     \
	VPADDQ    Z1, Z0, Z0      \
	VCVTQQ2PD Z0, Z2          \
	VMULPD    Z18, Z2, Z2     \
	VCVTPD2QQ Z2, Z2          \
	VPMULLQ   Z17, Z2, Z2     \
	VPSUBQ    Z2, Z0, Z2      \
	VPADDQ    Z17, Z2, Z3     \
	VPMINUQ   Z3, Z2, Z2      \
	VPMOVQ2M  Z0, K1          \
	VPADDQ    Z19, Z2, K1, Z2 \
	VPSUBQ    Z17, Z2, Z3     \
	VPMINUQ   Z3, Z2, Z2      \
	VPADDQ    Z20, Z2, Z2

// func pairs512(dst *int32, hashes *uint32, n int, b *Buckets)
TEXT ·pairs512(SB), NOSPLIT, $0-32
	MOVQ         dst+0(FP), DI
	MOVQ         hashes+8(FP), SI
	MOVQ         n+16(FP), CX
	MOVQ         b+24(FP), AX
	VPBROADCASTQ Buckets_count(AX), Z17
	VPBROADCASTQ Buckets_reciprocal(AX), Z18
	VPBROADCASTQ Buckets_wrap(AX), Z19
	VPBROADCASTQ Buckets_factor(AX), Z16
	VPBROADCASTQ Buckets_base(AX), Z20

block:
	CMPQ      CX, $8
	JLT       rest
	VPMOVSXDQ (SI), Z0
	VPMOVSXDQ 4(SI), Z1
	PAIRS
	VPMOVQD   Z2, (DI)
	ADDQ      $32, SI
	ADDQ      $32, DI
	SUBQ      $8, CX
	JMP       block

rest:
	TESTQ       CX, CX
	JZ          done
	MOVL        $1, AX
	SHLL        CX, AX
	DECL        AX
	KMOVW       AX, K2
	VPMOVSXDQ.Z (SI), K2, Z0
	VPMOVSXDQ.Z 4(SI), K2, Z1
	PAIRS
	VPMOVQD     Z2, K2, (DI)

done:
	VZEROUPPER
	RET

DATA steps<>+0(SB)/8, $1
DATA steps<>+8(SB)/8, $2
DATA steps<>+16(SB)/8, $3
DATA steps<>+24(SB)/8, $4
DATA steps<>+32(SB)/8, $5
DATA steps<>+40(SB)/8, $6
DATA steps<>+48(SB)/8, $7
DATA steps<>+56(SB)/8, $8
GLOBL steps<>(SB), RODATA|NOPTR, $64

// func uniform512(row *float32, n int, state uint64, scale float32)
TEXT ·uniform512(SB), NOSPLIT, $0-28
	MOVQ         row+0(FP), DI
	MOVQ         n+8(FP), CX
	MOVQ         $const_Gamma, AX
	VPBROADCASTQ AX, Z16
	VPMULLQ      steps<>(SB), Z16, Z0
	VPADDQ.BCST  state+16(FP), Z0, Z0
	SHLQ         $3, AX
	VPBROADCASTQ AX, Z16
	MOVQ         $const_mix1, AX
	VPBROADCASTQ AX, Z17
	MOVQ         $const_mix2, AX
	VPBROADCASTQ AX, Z18
	MOVL         $0x800000, AX
	VPBROADCASTD AX, Z19
	VBROADCASTSS scale+24(FP), Z20

// Eight random numbers, sixteen values.
block:
	VPSRLQ    $30, Z0, Z1
	VPXORQ    Z0, Z1, Z1
	VPMULLQ   Z17, Z1, Z1
	VPSRLQ    $27, Z1, Z2
	VPXORQ    Z2, Z1, Z1
	VPMULLQ   Z18, Z1, Z1
	VPSRLQ    $31, Z1, Z2
	VPXORQ    Z2, Z1, Z1
	VPSRLD    $8, Z1, Z1
	VPSUBD    Z19, Z1, Z1
	VCVTDQ2PS Z1, Z1
	VMULPS    Z20, Z1, Z1
	CMPQ      CX, $16
	JLT       rest
	VMOVUPS   Z1, (DI)
	VPADDQ    Z16, Z0, Z0
	ADDQ      $64, DI
	SUBQ      $16, CX
	JNZ       block
	VZEROUPPER
	RET

rest:
	MOVL    $1, AX
	SHLL    CX, AX
	DECL    AX
	KMOVW   AX, K1
	VMOVUPS Z1, K1, (DI)
	VZEROUPPER
	RET
