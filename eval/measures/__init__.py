"""What is measured, each measure defined once.

metrics         PSNR, temporal L1, bits per texel, compression ratio
ssim            SSIM
perceptual      LPIPS and temporal LPIPS, with `lpips_network` and `lpips_weights`
figures         PSNR, SSIM and LPIPS of frames, one after another
score           all of them, per hour and for the day
tiles           the 256 x 256 tiles of the contest
contest         the contest's measures; `contest_score` turns them into its score
rate_curve      points of a codec; bytes at a PSNR; BD-rate
latency         cold open, first frame, steady frames, texels, in fresh processes (`probe`)
compared_times  decode times of several archives in turn
memory          peak memory of decoding
"""
