//go:build amd64 && !purego

#include "go_asm.h"
#include "textflag.h"

// func spaces512(masks *uint64, text *byte, n int)
TEXT ·spaces512(SB), NOSPLIT, $0-24
	MOVQ         masks+0(FP), DI
	MOVQ         text+8(FP), SI
	MOVQ         n+16(FP), CX
	MOVL         $9, AX
	VPBROADCASTB AX, Z1
	MOVL         $4, AX
	VPBROADCASTB AX, Z2
	MOVL         $32, AX
	VPBROADCASTB AX, Z3

block:
	MOVQ  $-1, AX
	KMOVQ AX, K4
	CMPQ  CX, $64
	JGE   whole
	SHLQ  CX, AX
	NOTQ  AX
	KMOVQ AX, K4

whole:
	VMOVDQU8.Z (SI), K4, Z0
	VPSUBB     Z1, Z0, Z5
	VPCMPUB    $2, Z2, Z5, K4, K1 // from 9 to 13
	VPCMPEQB   Z3, Z0, K4, K2
	VPTESTNMB  Z0, Z0, K4, K3
	KORQ       K1, K2, K1
	KORQ       K3, K1, K1
	KMOVQ      K1, (DI)
	ADDQ       $64, SI
	ADDQ       $8, DI
	SUBQ       $64, CX
	JG         block
	VZEROUPPER
	RET

// HALF leaves the mask of 32 bytes from OFF on in R.
#define HALF(OFF, R) \
	VMOVDQU   OFF(SI), Y0 \
	VPSUBB    Y1, Y0, Y5  \
	VPMINUB   Y2, Y5, Y6  \
	VPCMPEQB  Y6, Y5, Y5  \
	VPCMPEQB  Y3, Y0, Y6  \
	VPCMPEQB  Y4, Y0, Y7  \
	VPOR      Y5, Y6, Y5  \
	VPOR      Y5, Y7, Y5  \
	VPMOVMSKB Y5, R

// func spaces256(masks *uint64, text *byte, n int)
TEXT ·spaces256(SB), NOSPLIT, $0-24
	MOVQ         masks+0(FP), DI
	MOVQ         text+8(FP), SI
	MOVQ         n+16(FP), CX
	MOVL         $9, AX
	VMOVD        AX, X1
	VPBROADCASTB X1, Y1
	MOVL         $4, AX
	VMOVD        AX, X2
	VPBROADCASTB X2, Y2
	MOVL         $32, AX
	VMOVD        AX, X3
	VPBROADCASTB X3, Y3
	VPXOR        Y4, Y4, Y4

block:
	HALF(0, AX)
	HALF(32, BX)
	SHLQ $32, BX
	ORQ  BX, AX
	MOVQ AX, (DI)
	ADDQ $64, SI
	ADDQ $8, DI
	DECQ CX
	JNZ  block
	VZEROUPPER
	RET

// FOUR loads 16 bytes each of tokens I, I+4, I+8 and I+12 into the lanes of Z.
#define FOUR(I, X, Z) \
	MOVLQSX      (4*I)(R10), AX             \
	MOVLQSX      (4*I+16)(R10), BX          \
	MOVLQSX      (4*I+32)(R10), DX          \
	MOVLQSX      (4*I+48)(R10), R9          \
	VMOVDQU      (SI)(AX*1), X              \
	VINSERTI32X4 $1, (SI)(BX*1), Z, Z       \
	VINSERTI32X4 $2, (SI)(DX*1), Z, Z       \
	VINSERTI32X4 $3, (SI)(R9*1), Z, Z

// NEXT takes a byte of each token, in Z12 with its sign, into the hashes in Z16, where the tokens in Z18 are longer than what Z19
// counts.
#define NEXT \
	VPXORD   Z16, Z12, Z12     \
	VPCMPGTD Z19, Z18, K1      \
	VPADDD   Z20, Z19, Z19     \
	VPMULLD  Z17, Z12, K1, Z16

// BYTES takes four bytes of each token, in Z.
#define BYTES(Z) \
	VPSLLD $24, Z, Z12   \
	VPSRAD $24, Z12, Z12 \
	NEXT                 \
	VPSLLD $16, Z, Z12   \
	VPSRAD $24, Z12, Z12 \
	NEXT                 \
	VPSLLD $8, Z, Z12    \
	VPSRAD $24, Z12, Z12 \
	NEXT                 \
	VPSRAD $24, Z, Z12   \
	NEXT

// ENOUGH goes to stored if no token is longer than what Z19 counts.
#define ENOUGH \
	VPCMPGTD Z19, Z18, K1 \
	KORTESTW K1, K1       \
	JZ       stored

// func hashTokens512(t *Tokens, text *byte, n int)
TEXT ·hashTokens512(SB), NOSPLIT, $0-24
	MOVQ         t+0(FP), R10
	MOVQ         text+8(FP), SI
	MOVQ         n+16(FP), CX
	MOVL         $const_FNVOffset, AX
	VPBROADCASTD AX, Z21
	MOVL         $const_FNVPrime, AX
	VPBROADCASTD AX, Z17
	MOVL         $1, AX
	VPBROADCASTD AX, Z20

group:
	FOUR(0, X0, Z0)
	FOUR(1, X1, Z1)
	FOUR(2, X2, Z2)
	FOUR(3, X3, Z3)
	VMOVDQU32   Tokens_Len(R10), Z18
	VPXORD      Z19, Z19, Z19
	VMOVDQA32   Z21, Z16
	VPUNPCKLDQ  Z1, Z0, Z4
	VPUNPCKHDQ  Z1, Z0, Z5
	VPUNPCKLDQ  Z3, Z2, Z6
	VPUNPCKHDQ  Z3, Z2, Z7
	VPUNPCKLQDQ Z6, Z4, Z8
	VPUNPCKHQDQ Z6, Z4, Z9
	VPUNPCKLQDQ Z7, Z5, Z10
	VPUNPCKHQDQ Z7, Z5, Z11
	BYTES(Z8)
	ENOUGH
	BYTES(Z9)
	ENOUGH
	BYTES(Z10)
	ENOUGH
	BYTES(Z11)

stored:
	VMOVDQU32 Z16, Tokens_Hash(R10)
	ADDQ      $64, R10
	SUBQ      $16, CX
	JNZ       group
	VZEROUPPER
	RET
