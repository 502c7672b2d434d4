/* 0f 05 where it is no instruction: in an immediate, in data among the code, in read-only data. */
        .globl _start
_start:
        mov     $0x050f, %ecx
        lea     table(%rip), %rsi
        jmp     over
table:  .byte   0x0f, 0x05, 0xb8, 0x27, 0, 0, 0, 0x0f, 0x05
over:
        lea     text(%rip), %rdi
        mov     $231, %eax
        syscall
        hlt
        .section .rodata
text:   .byte   0xb8, 0x27, 0, 0, 0, 0x0f, 0x05, 0xc3
        .section .note.GNU-stack,"",@progbits
