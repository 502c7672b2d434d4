/* The number takes the ways that compilers know. */
        .globl _start
_start:
        mov     $39, %ebx               /* getpid, by a register that is copied */
        mov     %rbx, %rax
        syscall
        push    $102                    /* getuid, by the stack */
        pop     %rax
        syscall
        xor     %eax, %eax              /* read */
        syscall
        xor     %ecx, %ecx              /* getgid: clang's way to small numbers */
        lea     104(%rcx), %eax
        syscall
        mov     $107, %ebp              /* geteuid, kept over a call */
        call    nothing
        mov     %ebp, %eax
        syscall
        mov     $100, %eax              /* getegid, by arithmetic */
        add     $8, %eax
        syscall
        test    %edi, %edi              /* getppid or getpgrp, without a branch */
        mov     $110, %eax
        mov     $111, %ecx
        cmovne  %ecx, %eax
        syscall
        mov     $231, %eax
        syscall
        hlt
nothing:
        ret
        .section .note.GNU-stack,"",@progbits
