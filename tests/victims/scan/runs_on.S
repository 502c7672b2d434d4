/* One function ends where the next one begins, which takes the number that it leaves in a register. */
        .globl _start
        .type _start, @function
_start: call    number
        call    filled
        mov     $231, %eax
        syscall
        hlt
        .size _start, . - _start

        .type number, @function
number: mov     $39, %eax
        .size number, . - number
        .type makes_it, @function
makes_it:
        syscall
        ret
        .size makes_it, . - makes_it

        /* With bytes that fill up in between. */
        .type filled, @function
filled: mov     $102, %eax
        .size filled, . - filled
        .p2align 5
        .type makes_it_too, @function
makes_it_too:
        syscall
        ret
        .size makes_it_too, . - makes_it_too
        .section .note.GNU-stack,"",@progbits
