/* A word of the stack that is popped into. */
	.globl _start
_start:
	sub $32, %rsp
	movq $39, 8(%rsp)
	pushq $102
	popq 8(%rsp)
	mov 8(%rsp), %rax
	syscall
	mov $231, %eax
	xor %edi, %edi
	syscall
	hlt
	.section .note.GNU-stack,"",@progbits
